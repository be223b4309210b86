"""Threads for what takes long, shared by keys in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple


class _Work(NamedTuple):
    """What a thread does, and what the loop does then."""

    do: Callable[[], None]
    then: Callable[[], None]


class Aside:
    """Each key has its turn, whatever else waits for another. What is dropped before it began leaves nothing behind."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="grep")
        self._free = threads
        self._waiting: dict[Hashable, dict[asyncio.Future[None], _Work]] = {}  # each key's in order

    @property
    def waiting(self) -> int:
        """Works that are yet to begin."""
        return sum(len(works) for works in self._waiting.values())

    def run(self, key: Hashable, work: Callable[[], None], then: Callable[[], None]) -> asyncio.Future[None]:
        """Call `work` in a thread when it is its turn, then `then` on the loop; the future is done when that was."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, {})[ended] = _Work(work, then)
        self._start()
        return ended

    def drop(self, key: Hashable, ended: asyncio.Future[None]) -> bool:
        """Cancel what `run` answered with where that is yet to begin: neither call is made. False where it began."""
        works = self._waiting.get(key, {})
        if works.pop(ended, None) is None:
            return False
        if not works:
            del self._waiting[key]
        ended.cancel()
        return True

    def _start(self) -> None:
        while self._free and self._waiting:
            key = next(iter(self._waiting))
            works = self._waiting.pop(key)
            ended = next(iter(works))
            work = works.pop(ended)
            if works:
                self._waiting[key] = works  # behind all others
            self._free -= 1
            running = asyncio.get_running_loop().run_in_executor(self._pool, work.do)
            running.add_done_callback(partial(self._ended, work.then, ended))

    def _ended(self, then: Callable[[], None], ended: asyncio.Future[None], running: asyncio.Future[None]) -> None:
        self._free += 1
        self._start()
        then()
        if ended.done() or running.cancelled():
            ended.cancel()
        elif (error := running.exception()) is not None:
            ended.set_exception(error)
        else:
            ended.set_result(None)
