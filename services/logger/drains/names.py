"""Names of receivers: looked up apart from all else, so that a silent name server holds nobody else up."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from aiohttp.abc import AbstractResolver, ResolveResult

MOST_THREADS = 256  # a look-up takes one while it lasts; they are begun as they are needed

Info = tuple[int, int, int, str, tuple[object, ...]]
"""One of `getaddrinfo`'s answers."""


class Names:
    """Looks names up: for each drain one at a time at most, since a look-up that is given up runs on to its end."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="drain-names")
        self._under_way: dict[tuple[str, str, int], asyncio.Future[list[Info]]] = {}

    async def look_up(self, drain: str, host: str, port: int) -> list[Info]:
        """The addresses of a drain's host, at once where it is one itself; raises `OSError`."""
        try:
            return _addresses(host, port, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass
        key = (drain, host, port)
        under_way = self._under_way.get(key)
        if under_way is None:
            look = partial(_addresses, host, port)
            under_way = self._under_way[key] = asyncio.get_running_loop().run_in_executor(self._threads, look)
            under_way.add_done_callback(partial(self._done, key))
        await asyncio.wait((under_way,))  # cancels nothing, and so another attempt finds it again
        return under_way.result()

    def resolver(self, drain: str) -> AbstractResolver:
        """The same as aiohttp asks for it."""
        return _Resolver(self, drain)

    def _done(self, key: tuple[str, str, int], under_way: asyncio.Future[list[Info]]) -> None:
        self._under_way.pop(key, None)
        if not under_way.cancelled():
            under_way.exception()  # nobody may wait for it any more


class _Resolver(AbstractResolver):
    def __init__(self, names: Names, drain: str) -> None:
        self._names = names
        self._drain = drain

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See `AbstractResolver`."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, proto, _, address in await self._names.look_up(self._drain, host, port)
            if family in {socket.AF_UNSPEC, found}
        ]

    async def close(self) -> None:
        """See `AbstractResolver`."""


def _addresses(host: str, port: int, *, flags: int = 0) -> list[Info]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))
