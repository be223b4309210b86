"""Everything that the API's resources work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from libs.engine import Engine
from libs.keyspace import Keyspace
from libs.keyspace.records import App, User
from libs.store import Store
from libs.vault import LiveVault
from libs.vault.custody import Custody
from services.controller.access import may_use
from services.controller.accounts import Accounts
from services.controller.body import read_body
from services.controller.builder_key import BuilderKey
from services.controller.cancelling import Cancels
from services.controller.errors import Forbidden, NotAuthenticated, NotFound
from services.controller.events import Events
from services.controller.fields import Body
from services.controller.followers import Followers
from services.controller.picture import Picture
from services.controller.releasing import Releasing
from services.controller.running import Running
from services.controller.settings import ControllerSettings
from services.controller.settling import Settling


@dataclass(frozen=True)
class Controller:
    """The parts of the controller, built by `serve` and handed to each resource."""

    settings: ControllerSettings
    store: Store
    keyspace: Keyspace
    picture: Picture
    vault: LiveVault
    custody: Custody
    accounts: Accounts
    builder_key: BuilderKey
    releasing: Releasing
    cancels: Cancels
    settling: Settling
    running: Running
    events: Events
    engine: Engine
    followers: Followers
    client: aiohttp.ClientSession
    internal_token: str = field(repr=False)

    def app(self, call: Call) -> App:
        """The app that a request names; raises `NotFound`, `Forbidden`."""
        app = self.picture.apps.mirror.get(call.parameter("id"))
        if app is None:
            raise NotFound
        if not may_use(call.user, app, call.request.method):
            raise Forbidden
        return app


@dataclass(frozen=True)
class Call:
    """One request and who sent it."""

    request: web.Request
    sender: User | None

    @property
    def user(self) -> User:
        """Who sent it; raises `NotAuthenticated` where nobody is known."""
        if self.sender is None:
            raise NotAuthenticated
        return self.sender

    async def body(self) -> Body:
        """Its fields."""
        return await read_body(self.request)

    def parameter(self, name: str) -> str:
        """A part of its path."""
        return self.request.match_info[name]


@dataclass(frozen=True)
class Route:
    """One method of one path (without its final slash).

    `open`: nobody need be known; `slash`: the slash is a must; `followed`: it answers in lines to who wants that.
    """

    method: str
    path: str
    handle: Callable[[Call], Awaitable[web.StreamResponse]]
    open: bool = False
    slash: bool = False
    followed: bool = False


class Resource:
    """A noun of the API: it knows its routes."""

    def __init__(self, controller: Controller) -> None:
        self._c = controller

    def routes(self) -> list[Route]:
        """Its routes."""
        return []
