"""Names to addresses: the system's resolver, except that `localhost` and what is below it never leave the machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def is_loopback_name(host: str) -> bool:
    """Whether RFC 6761, section 6.3, gives the name to the loopback: `localhost` and every name under it."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


class LoopbackResolver(AbstractResolver):
    """Answers `*.localhost` with 127.0.0.1 and ::1 itself: many systems' resolvers know the bare name only."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Both loopback addresses, IPv4 first, so that a listener on either one is found."""
        if not is_loopback_name(host):
            return [_result(host, port, info) for info in await addresses(host, port, family)]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in LOOPBACK
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Nothing is held."""


Info = tuple[Any, Any, int, str, tuple[Any, ...]]


async def addresses(host: str, port: int, family: int) -> list[Info]:
    """The system's answer (getaddrinfo); `OSError` where it has none.

    It is asked in a thread that the process does not wait for: where no name server answers, the system takes many
    seconds, and a command that has given up must end at once. A thread of an executor would be joined.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Info]] = loop.create_future()

    def settle(infos: list[Info], error: OSError | None) -> None:
        if not found.done():
            found.set_exception(error) if error else found.set_result(infos)

    def look() -> None:
        infos: list[Info] = []
        failure: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except OSError as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, infos, failure)

    threading.Thread(target=look, name="resolver", daemon=True).start()
    return await found


def _result(name: str, port: int, info: Info) -> ResolveResult:
    """An address with its scope, as `fe80::1%eth0`, where it has one."""
    family, _, proto, _, address = info
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    scoped = family == socket.AF_INET6 and address[3] and "%" not in address[0]
    host = f"{address[0]}%{address[3]}" if scoped else address[0]
    return ResolveResult(hostname=name, host=host, port=port, family=family, proto=proto, flags=numeric)
