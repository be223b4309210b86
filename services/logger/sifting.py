"""Patterns at work: each in small slices, on the loop while it is quick, else in threads that all apps share fairly.

RE2 lets the loop run on while it searches, but each match then waits for the loop: a thread is for slow patterns alone.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable
from time import thread_time
from typing import NamedTuple

from libs.loglines.selection import Selection
from services.logger.aside import Aside
from services.logger.reads import Reads

SLICE = 4096  # bytes that are looked at in one go, but at least a line; RE2 may take 12 ms for them
TURN_SECONDS = 0.002  # of the loop's time for patterns, before everything else has its turn
THREADS = min(2, max(1, (os.cpu_count() or 1) - 1))  # the loop's own core is left to it
LIGHT = (20e-6, 0.2e-6)  # seconds of a slice and of each of its bytes that a quick pattern takes at most
PATIENCE = 0.001  # seconds beyond that, until a pattern counts as slow
PROBATION = 64  # slices that a slow pattern must be quick over to count as quick, and twice as many each time
LONGEST_PROBATION = 4096


class Slice(NamedTuple):
    """Stored lines without their newlines, and their bytes."""

    stored: list[bytes]
    size: int


class Job(ABC):
    """Lines that a selection is asked about, slice by slice; whoever wants its end carries it on from where it is."""

    selection: Selection
    under_way: asyncio.Future[None] | None = None  # while a thread has its next slice, or is to have it
    waiters: int = 0  # who wait for that; a slice that nobody waits for is begun by no thread

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether no slice is left."""

    @abstractmethod
    def peek(self) -> Slice:
        """The next slice; always the same one until it is taken."""

    @abstractmethod
    def take(self, chosen: list[int]) -> None:
        """Which lines of that slice passed."""


class Sifting:
    """What all patterns of a logger share: their part of the loop's time, the threads, and the places of reads."""

    def __init__(self, threads: int = THREADS) -> None:
        self.aside = Aside(threads)
        self.reads = Reads()
        self.turn = asyncio.Lock()  # whoever waits for the loop's time gets it in the order in which they came
        self._spent = 0.0

    async def room(self) -> None:
        """Wait, holding the turn, until the loop has time for a slice."""
        if not self.has_room:
            self._spent = 0.0
            await asyncio.sleep(0)

    @property
    def has_room(self) -> bool:
        """Whether there is time left before the others' turn."""
        return self._spent < TURN_SECONDS

    def spend(self, seconds: float) -> None:
        """The loop's time went."""
        self._spent += seconds


class Sifter:
    """Asks one pattern for the feeds that share it, or for one read. `spent`: seconds of work that it took so far.

    `key` is who shares a turn of the threads.
    """

    def __init__(self, sifting: Sifting, key: Hashable) -> None:
        self.spent = 0.0
        self._sifting = sifting
        self._key = key
        self._slow = 0  # slices for the threads, before the pattern counts as quick again
        self._probation = PROBATION
        self._debt = 0.0  # seconds that it took beyond those of a quick one, of late

    @property
    def slow(self) -> bool:
        """Whether the pattern counts as slow now."""
        return self._slow > 0

    async def step(self, job: Job) -> None:
        """Carry a job on by some slices, if no other who wants it did so meanwhile. Cancelled, it loses nothing."""
        if not _is_under_way(job) and self._is_slow(job):
            self._begin_aside(job)
        if job.under_way is not None:
            await self._wait(job, job.under_way)
            return
        async with self._sifting.turn:
            await self._sifting.room()
            now = thread_time()
            while self._sifting.has_room and not (job.done or _is_under_way(job) or self._is_slow(job)):
                slice_ = job.peek()
                job.take(job.selection.chosen(slice_.stored))
                before, now = now, thread_time()
                self._sifting.spend(now - before)
                self._weigh(now - before, slice_.size)

    async def finish(self, job: Job) -> None:
        """Carry a job to its end."""
        while not job.done:
            await self.step(job)

    def _is_slow(self, job: Job) -> bool:
        """Whether the next slice is one for the threads."""
        return self.slow or job.peek().size > SLICE

    def _begin_aside(self, job: Job) -> None:
        slice_ = job.peek()
        answer: list[tuple[list[int], float]] = []

        def work() -> None:
            began = thread_time()
            chosen = job.selection.chosen(slice_.stored)
            answer.append((chosen, thread_time() - began))

        def then() -> None:
            job.under_way = None
            if answer:
                chosen, took = answer[0]
                job.take(chosen)
                self._weigh(took, slice_.size)

        job.under_way = self._sifting.aside.run(self._key, work, then)

    async def _wait(self, job: Job, under_way: asyncio.Future[None]) -> None:
        """Until a thread had the slice; the last one who gives up takes it back, unless a thread has it already."""
        job.waiters += 1
        try:
            await asyncio.shield(under_way)
        finally:
            job.waiters -= 1
            if not job.waiters and job.under_way is not None and self._sifting.aside.drop(self._key, job.under_way):
                job.under_way = None

    def _weigh(self, took: float, size: int) -> None:
        """Judge the pattern by the time that it took."""
        self.spent += took
        self._debt = max(self._debt + took - LIGHT[0] - LIGHT[1] * size, 0.0)
        if self._debt > PATIENCE:
            self._debt = 0.0
            if not self._slow:
                self._probation = min(self._probation * 2, LONGEST_PROBATION)
            self._slow = self._probation
        elif self._slow:
            self._slow -= 1


def _is_under_way(job: Job) -> bool:
    return job.under_way is not None
