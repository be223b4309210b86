"""What the new instances of a rollout write, line by line, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.engine import EngineUnavailable, LogPiece, Logs
from libs.keyspace.records import Planned
from services.controller.course import time
from services.controller.shapes import Shape

LONGEST = 8192  # bytes of a line that are told
CUT = " […]"
RETRY = 1.0  # seconds until an engine that went away is asked again
SECOND = 10**9  # nanoseconds

Hear = Callable[[Shape], None]


@dataclass
class Joiner:
    """Pieces of one stream to lines; of a long line its beginning."""

    begun: bytes = b""
    cut: bool = False

    def feed(self, data: bytes) -> str | None:
        """The line that ends with this piece, if one does."""
        self.cut = self.cut or len(self.begun) + len(data.rstrip(b"\r\n")) > LONGEST
        self.begun = (self.begun + data)[: LONGEST + 2]
        if not data.endswith(b"\n"):
            return None
        line = self.begun.rstrip(b"\r\n")[:LONGEST].decode(errors="replace") + (CUT if self.cut else "")
        self.begun, self.cut = b"", False
        return line


async def hear_output(engine: Logs, planned: Planned, hear: Hear) -> None:
    """Tell each line of an instance from its start, until it stopped for good; begun where the engine has it already.

    An engine that goes away meanwhile is asked again, from where it was.
    """
    joiners = {"stdout": Joiner(), "stderr": Joiner()}
    at = told = 0  # the time of the last piece, and how many pieces of just that time there were
    while True:
        again = told
        try:
            async with engine.logs(planned.name, since=at) as pieces:
                async for piece in _unheard(pieces, at, again):
                    at, told = piece.at, told + 1 if piece.at == at else 1
                    if (line := joiners[piece.stream].feed(piece.data)) is not None:
                        hear(_shape(planned, at, piece.stream, line))
        except EngineUnavailable:
            await asyncio.sleep(RETRY)
        else:
            break
    for stream, joiner in joiners.items():
        if joiner.begun:  # its last words, without an end of line
            hear(_shape(planned, at, stream, joiner.feed(b"\n")))


async def _unheard(pieces: AsyncIterator[LogPiece], at: int, count: int) -> AsyncIterator[LogPiece]:
    """The pieces without the first `count` of the time `at`, which were heard already."""
    async for piece in pieces:
        if piece.at == at and count:
            count -= 1
        else:
            yield piece


def _shape(planned: Planned, at: int, stream: str, line: str | None) -> Shape:
    moment = time(datetime.fromtimestamp(at / SECOND, UTC))
    return {"instance": f"{planned.type}.{planned.number}", "stream": stream, "at": moment, "line": line or ""}
