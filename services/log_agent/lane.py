"""The lines of one instance on their way to the logger: one frame that fills, and at most one that was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from libs.keyspace.records import Instance
from libs.loglines import Frame, Header

FULL = 64 * 1024  # bytes; a lane that holds more makes its reader wait


def unfit(instance: Instance) -> str:
    """Which field of an instance's record keeps its lines from being sent, and why; empty where none does."""
    try:
        _header(instance, "reading", 0, lines=1, size=1, position="")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""


def _header(  # noqa: PLR0913 - a header's fields
    instance: Instance, reading: str, first: int, *, lines: int, size: int, position: str
) -> Header:
    return Header(
        app=instance.app,
        app_uuid=instance.app_uuid,
        process=f"{instance.type}.{instance.number}",
        instance=instance.id,
        release=instance.release,
        reading=reading,
        first=first,
        lines=lines,
        bytes=size,
        position=position,
    )


@dataclass(eq=False)
class Lane:
    """Bounded: its reader waits for `room` once it is full. `ready` is told that there is something to send.

    `stand` answers, as text, where the reader stands behind all that it put in. One frame is under way at a time,
    whatever else is: that is what keeps an instance's lines in order.
    """

    instance: Instance
    reading: str
    next: int  # the number of the next line
    ready: Callable[[Lane], None]
    stand: Callable[[], str]

    def __post_init__(self) -> None:
        self.lines = 0  # that were put in, ever
        self._filling = bytearray()
        self._lines = 0  # of them in `_filling`
        self._sent: Frame | None = None
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the reader should wait."""
        return len(self._filling) >= FULL

    @property
    def empty(self) -> bool:
        """Whether everything that was put in has arrived."""
        return not self._filling and self._sent is None

    def put(self, stored: list[bytes]) -> None:
        """Add stored lines."""
        first = not self._lines
        for line in stored:
            self._filling += line
        count = len(stored)
        self._lines += count
        self.lines += count
        if self._sent is None and count and (first or len(self._filling) >= FULL):
            self.ready(self)

    def take(self) -> Frame | None:
        """What waits, as a frame; it stays here until `arrived`. None while another one is on its way."""
        if self._sent is not None or not self._lines:
            return None
        block, lines, instance = bytes(self._filling), self._lines, self.instance
        header = _header(instance, self.reading, self.next, lines=lines, size=len(block), position=self.stand())
        self._sent = Frame(header, block)
        self._filling, self._lines = bytearray(), 0
        self.next += lines
        self._changed.set()
        return self._sent

    def arrived(self) -> None:
        """The frame was answered for."""
        self._sent = None
        self._changed.set()
        if self._lines:
            self.ready(self)

    def leave(self) -> None:
        """Nobody reads into it any more, and what was not sent is not to be: another will read it again."""
        self._filling, self._lines = bytearray(), 0

    async def room(self) -> None:
        """Return once it is not full."""
        while self.full:
            self._changed.clear()
            await self._changed.wait()

    async def landed(self) -> None:
        """Return once nothing is under way."""
        while self._sent is not None:
            self._changed.clear()
            await self._changed.wait()

    async def drained(self) -> None:
        """Return once it is empty."""
        while not self.empty:
            self._changed.clear()
            await self._changed.wait()
