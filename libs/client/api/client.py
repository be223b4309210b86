"""The client: one controller, one user, all the nouns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.client.api.apps import Apps
from libs.client.api.auth import Auth
from libs.client.api.builds import Builds
from libs.client.api.certs import Certs
from libs.client.api.config import Configs
from libs.client.api.connection import ANSWER_SECONDS, Connection, connect
from libs.client.api.domains import Domains
from libs.client.api.drains import Drains
from libs.client.api.events import Events
from libs.client.api.healthchecks import Healthchecks
from libs.client.api.keys import Keys
from libs.client.api.logs import Logs
from libs.client.api.perms import Perms
from libs.client.api.platform import Platform
from libs.client.api.processes import Processes
from libs.client.api.releases import Releases
from libs.client.api.runs import Runs
from libs.client.api.settings import Settings
from libs.client.api.tokens import Tokens
from libs.client.api.users import Users


class Client:
    """The controller's API. Every call may raise `ClientError`, whose text is meant for the user."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.auth = Auth(connection)
        self.apps = Apps(connection)
        self.builds = Builds(connection)
        self.certs = Certs(connection)
        self.config = Configs(connection)
        self.domains = Domains(connection)
        self.drains = Drains(connection)
        self.events = Events(connection)
        self.healthchecks = Healthchecks(connection)
        self.keys = Keys(connection)
        self.logs = Logs(connection)
        self.perms = Perms(connection)
        self.platform = Platform(connection)
        self.processes = Processes(connection)
        self.releases = Releases(connection)
        self.runs = Runs(connection)
        self.settings = Settings(connection)
        self.tokens = Tokens(connection)
        self.users = Users(connection)

    def with_token(self, token: str) -> Client:
        """The same controller, asked in another's name."""
        return Client(self.connection.with_token(token))


@asynccontextmanager
async def open_client(
    url: str,
    *,
    token: str | None = None,
    ssl_verify: bool = True,
    agent: str = "deis",
    seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[Client]:
    """A client of the controller at `url`; nothing is asked yet. `InvalidController` if that is no URL.

    An answer may take `seconds`; a deploy, as long as the controller works on it.
    """
    async with connect(url, token=token, ssl_verify=ssl_verify, agent=agent, seconds=seconds) as connection:
        yield Client(connection)
