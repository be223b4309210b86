"""The nouns of the API, one a file. `ALL` is every one of them: adding one is a file and a line."""

from services.controller.controller import Resource
from services.controller.resources.account import AccountResource
from services.controller.resources.admin import AdminResource
from services.controller.resources.apps import AppsResource
from services.controller.resources.builds import BuildsResource
from services.controller.resources.certs import CertsResource
from services.controller.resources.config import ConfigResource
from services.controller.resources.containers import ContainersResource
from services.controller.resources.domains import DomainsResource
from services.controller.resources.drains import DrainsResource
from services.controller.resources.events import EventsResource
from services.controller.resources.healthchecks import HealthchecksResource
from services.controller.resources.hooks import HooksResource
from services.controller.resources.keys import KeysResource
from services.controller.resources.logs import LogsResource
from services.controller.resources.perms import PermsResource
from services.controller.resources.releases import ReleasesResource
from services.controller.resources.root import RootResource
from services.controller.resources.run import RunResource
from services.controller.resources.scale import ScaleResource
from services.controller.resources.settings import SettingsResource
from services.controller.resources.tokens import TokensResource
from services.controller.resources.users import UsersResource

ALL: tuple[type[Resource], ...] = (
    RootResource,
    AccountResource,
    TokensResource,
    UsersResource,
    AdminResource,
    AppsResource,
    PermsResource,
    ConfigResource,
    HealthchecksResource,
    BuildsResource,
    ReleasesResource,
    ScaleResource,
    RunResource,
    SettingsResource,
    ContainersResource,
    DomainsResource,
    LogsResource,
    DrainsResource,
    EventsResource,
    KeysResource,
    CertsResource,
    HooksResource,
)
