"""Watching an open stream: whether the engine passed over output that it stored, or says no more of it.

Docker's open stream loses its place where a file is rotated while it is opened, or while its reader is slow: it waits
for what never comes, and at the next rotation it goes on with the newest file, without a word of those between. So what
it said is compared, now and then, with what is stored. Only two things are asked for: whether two pieces that came one
after the other, so far apart that a file may have been written between them, are stored one after the other as well;
and whether anything is stored behind the last piece. Both stand at the end of the newest file, and are found at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from libs.engine import EngineUnavailable, Logs
from libs.loglines import Kind, encode, shown_time

SECOND = 1_000_000_000
APART = SECOND // 50  # ns between two pieces; a file of 20 MB takes the engine longer
LATE = SECOND  # ns that a stored piece may be on its way through the stream
SOON = 1 * SECOND  # after an opening
EVERY = 10 * SECOND  # between two looks at a stream that speaks
RARELY = 60 * SECOND  # at one that is silent
PATIENCE = 30.0  # seconds for an answer
MARGIN = 2000  # pieces that may be stored while we ask


class Seam(NamedTuple):
    """The times of two pieces that came one after the other (ns)."""

    before: int
    after: int


class Question(NamedTuple):
    """What is to be compared: seams, and the last piece's time. The engine is asked for its last `tail` pieces."""

    seams: Collection[Seam]
    last: int
    since: int
    tail: int


class Comparison:
    """Takes the times of what is stored, in its order; `now` is when that was asked for."""

    def __init__(self, question: Question, now: int) -> None:
        self.torn = set(question.seams)  # between which something is stored, or that are stored no more
        self.lags = False  # what is stored for a while was not said
        self.count = 0
        self._last, self._late = question.last, now - LATE
        self._before = 0

    def add(self, at: int) -> None:
        """The next stored piece."""
        self.count += 1
        self.torn.discard(Seam(self._before, at))
        self._before = at
        if self._last < at < self._late:
            self.lags = True


class Watch:
    """Of one instance's output. `saw` is told of each piece of an open stream; `due` says when to compare."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._open = self._begun = False
        self._last = 0  # the time of the last piece of any stream
        self._seams: list[Seam] = []  # not compared yet
        self._count = 0  # pieces behind the first seam's begin
        self._pause, self._due, self._compared = EVERY, 0, 0

    @property
    def doubtful(self) -> bool:
        """Whether there are seams that were not compared."""
        return bool(self._seams)

    def begins(self) -> None:
        """A stream was opened."""
        self._open, self._begun = True, False
        self._pause, self._due = EVERY, self._clock() + SOON

    def ends(self) -> None:
        """It was left."""
        self._open = False

    def saw(self, at: int) -> None:
        """A piece of this time came."""
        last = self._last
        if at - last > APART and self._begun:
            if not self._seams:
                self._count = 1
            self._seams.append(Seam(last, at))
        self._count += 1
        self._last, self._begun = at, True

    def due(self) -> bool:
        """Whether to compare now; if so, it is not due again for a while, and ever more rarely while nothing comes."""
        now = self._clock()
        if not self._open or now < self._due:
            return False
        self._pause = min(self._pause * 2, RARELY) if self._last == self._compared else EVERY
        self._due, self._compared = now + self._pause, self._last
        return True

    def ask(self) -> Question:
        """What to compare now; its seams are the asker's from here on."""
        seams, self._seams = self._seams, []
        if seams:
            return Question(seams, self._last, min(seam.before for seam in seams), self._count + MARGIN)
        return Question((), self._last, self._last, MARGIN)

    def again(self, question: Question) -> None:
        """It was not answered: its seams are still to be compared."""
        self._count = max(self._count, question.tail)
        self._seams = [*question.seams, *self._seams]

    def stands(self, question: Question) -> bool:
        """Whether the stream has said nothing since the question."""
        return self._open and self._last == question.last


async def compare(question: Question, logs: Logs, name: str, clock: Callable[[], int] = time.time_ns) -> Comparison:
    """Ask the engine; raises `EngineError`."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await _compare(question, logs, name, question.tail, clock())
            if (
                question.seams and found.count >= question.tail
            ):  # there is more than was expected, and the seams may lie before it
                found = await _compare(question, logs, name, None, clock())
    except TimeoutError as error:
        raise EngineUnavailable(f"the engine did not give the output of {name} within {PATIENCE:g} s") from error
    if not found.count:  # the instance is gone: what was rotated away would leave something newer
        found.torn.clear()
    return found


async def _compare(question: Question, logs: Logs, name: str, tail: int | None, now: int) -> Comparison:
    found = Comparison(question, now)
    async with logs.logs(name, since=question.since, follow=False, tail=tail) as pieces:
        async for piece in pieces:
            found.add(piece.at)
    return found


def told(torn: Collection[Seam]) -> bytes:
    """What an app's log says of torn seams: one line, from the first to the last."""
    until = max(seam.after for seam in torn)
    times = (shown_time(min(seam.before for seam in torn)), shown_time(until))
    text = (
        b"lines may be missing: the container engine passed over what was said between %b and %b in its stream" % times
    )
    return encode(until, Kind.GAP, text)
