"""What an operator may set of the router."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from libs.daemon import Settings

LARGEST_POOL = 2048  # back ends; 36 MB of HAProxy's memory


class RouterSettings(Settings):
    """Settings of the router, from the environment (`DEIS_ROUTER_…`)."""

    router_id: str = Field("", description="this router's name in routers/<id>; the node's name when empty")
    router_bind: str = Field("*", description="addresses that app traffic comes in at, comma separated")
    router_http_port: int = Field(8080, ge=1, le=65535, description="port of app traffic over HTTP")
    router_pool: int = Field(256, ge=1, le=LARGEST_POOL, description="back ends, so apps that can run at once")
    router_maxconn: int = Field(8_000, ge=1, description="connections from clients that HAProxy holds at once")
    router_threads: int = Field(0, ge=0, le=64, description="HAProxy's threads; 0 takes one for each core")
    router_trusted: str = Field(
        "", description="networks (CIDR, comma separated) of balancers in front, whose X-Forwarded-* headers are kept"
    )
    router_timeout_seconds: int = Field(
        1300, ge=1, description="how long a request may be silent, of an app that sets nothing else"
    )
    router_tunnel_seconds: int = Field(3600, ge=1, description="how long a WebSocket may be silent")
    router_drain_seconds: float = Field(
        300.0, ge=0, description="longest drain of an endpoint that was withdrawn without a deadline of its own"
    )

    @property
    def router_home(self) -> Path:
        """Where the configuration, the maps, the saved picture and HAProxy's sockets are."""
        return self.home / "router"

    @property
    def router_name(self) -> str:
        """This router's name in `routers/<id>`: the same over restarts, so that its veto stays its own."""
        return self.router_id or self.node
