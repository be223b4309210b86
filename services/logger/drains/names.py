"""Names of receivers: looked up apart from all else, so that a silent name server holds nobody else up."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from weakref import WeakValueDictionary

from aiohttp.abc import AbstractResolver, ResolveResult

MOST_THREADS = 256  # a look-up takes one while it lasts; they are begun as they are needed
SHARE = 4  # of them, those that an app may have; its further look-ups wait for their turn

Info = tuple[int, int, int, str, tuple[object, ...]]
"""One of `getaddrinfo`'s answers."""


class Names:
    """Looks names up: for each drain one at a time at most, since a look-up that is given up runs on to its end."""

    def __init__(self, threads: int = MOST_THREADS, share: int = SHARE) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="drain-names")
        self._share = share
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # by app
        self._under_way: dict[tuple[str, str, int], asyncio.Future[list[Info]]] = {}

    async def look_up(self, app: str, drain: str, host: str, port: int) -> list[Info]:
        """The addresses of a drain's host, at once where it is one itself; raises `OSError`."""
        try:
            return _addresses(host, port, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            pass
        key = (drain, host, port)
        if key not in self._under_way:
            turns = self._turns.get(app)
            if turns is None:
                turns = self._turns[app] = asyncio.Semaphore(self._share)
            await turns.acquire()
            if key in self._under_way:  # another try of the same drain came first
                turns.release()
            else:
                self._begin(key, turns)
        under_way = self._under_way[key]
        await asyncio.wait((under_way,))  # cancels nothing, and so another attempt finds it again
        return under_way.result()

    def _begin(self, key: tuple[str, str, int], turns: asyncio.Semaphore) -> None:
        look = partial(_addresses, key[1], key[2])
        under_way = self._under_way[key] = asyncio.get_running_loop().run_in_executor(self._threads, look)
        under_way.add_done_callback(partial(self._done, key, turns))

    def resolver(self, app: str, drain: str) -> AbstractResolver:
        """The same as aiohttp asks for it."""
        return _Resolver(self, app, drain)

    def _done(self, key: tuple[str, str, int], turns: asyncio.Semaphore, under_way: asyncio.Future[list[Info]]) -> None:
        self._under_way.pop(key, None)
        turns.release()
        if not under_way.cancelled():
            under_way.exception()  # nobody may wait for it any more


class _Resolver(AbstractResolver):
    def __init__(self, names: Names, app: str, drain: str) -> None:
        self._names = names
        self._app = app
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
            for found, _, proto, _, address in await self._names.look_up(self._app, self._drain, host, port)
            if family in {socket.AF_UNSPEC, found}
        ]

    async def close(self) -> None:
        """See `AbstractResolver`."""


def _addresses(host: str, port: int, *, flags: int = 0) -> list[Info]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))
