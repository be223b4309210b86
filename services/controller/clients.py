"""The addresses that requests come from, seen past the platform's routers."""

from __future__ import annotations

from aiohttp import web

from services.controller.addresses import client_address, networks, parsed
from services.controller.picture import Picture
from services.controller.settings import ControllerSettings


class Clients:
    """Tells a request's client. Failed logins are counted by it, and the audit's lines name it."""

    def __init__(self, settings: ControllerSettings, picture: Picture) -> None:
        self._own = settings.node_address
        self._nodes = picture.nodes.mirror
        self._trusted = networks(settings.router_trusted)

    def address(self, request: web.Request) -> str:
        """The client's address."""
        hosts = {str(parsed(address)) for address in (self._own, *(node.address for _, node in self._nodes.items()))}
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return client_address(request.remote or "", forwarded, hosts, self._trusted)
