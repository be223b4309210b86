"""What of HAProxy's configuration is fixed while it runs: ports, the size of the pool, timeouts, paths."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from services.router.files import Files
from services.router.names import CONTROLLER, LOGGERS, is_address
from services.router.settings import RouterSettings

CONTROLLER_BACKEND = "controller"
LOGGERS_BACKEND = "loggers"  # each request names its server: no other one would do
PLATFORM = {CONTROLLER: CONTROLLER_BACKEND, LOGGERS: LOGGERS_BACKEND}  # the back ends that are not of the pool


@dataclass(frozen=True)
class Structure:
    """A change of any of these needs a reload of HAProxy; nothing else does."""

    files: Files
    binds: tuple[str, ...]
    port: int
    pool: int
    maxconn: int
    threads: int
    trusted: tuple[str, ...]
    timeout: int  # seconds
    tunnel: int  # seconds

    @classmethod
    def of(cls, settings: RouterSettings) -> Structure:
        """The structure that the settings ask for; raises `ValueError` for an address or a network that is none."""
        binds = _listed(settings.router_bind) or ("*",)
        if wrong := [bind for bind in binds if bind != "*" and not is_address(bind)]:
            raise ValueError(f"DEIS_ROUTER_BIND has {wrong[0]!r}; it must list IP addresses, or be '*' for all")
        trusted = tuple(str(ip_network(item)) for item in _listed(settings.router_trusted))
        return cls(
            files=Files(settings.router_home.absolute()),
            binds=binds,
            port=settings.router_http_port,
            pool=settings.router_pool,
            maxconn=settings.router_maxconn,
            threads=settings.router_threads,
            trusted=trusted,
            timeout=settings.router_timeout_seconds,
            tunnel=settings.router_tunnel_seconds,
        )

    @property
    def backends(self) -> list[str]:
        """The pool's back ends."""
        return [f"app{number}" for number in range(self.pool)]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
