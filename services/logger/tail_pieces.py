"""Binary messages of lines, each built once for all tails that are told the same."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from libs.loglines.selection import Selection
from services.logger.feed import Piece
from services.logger.ring import Source
from services.logger.tail_messages import WHOLE

KEPT = 1024 * 1024  # bytes of the last messages of a choice of lines, if it is more than one message

_WHOLE = Source(process=WHOLE, instance=WHOLE, release=0)

Build = Callable[[tuple[Piece, ...]], bytes]
Names = tuple[tuple[int, int, int], ...]


def reaching(reach: int) -> Piece:
    """The part that tells how far a reader knows all of the app's log."""
    return Piece(_WHOLE, b"", 0, reach, 0, 0)


def build(pieces: tuple[Piece, ...]) -> bytes:
    """The message of these pieces: before each block one line of JSON."""
    parts: list[bytes] = []
    for piece in pieces:
        parts += (_header(piece), piece.block)
    return b"".join(parts)


@dataclass(slots=True)
class _Choice:
    """The last messages for the tails of one app that chose the same lines, by the identity of their blocks."""

    readers: int = 0
    size: int = 0  # bytes of messages
    built: OrderedDict[Names, tuple[tuple[Piece, ...], bytes]] = field(default_factory=OrderedDict)

    def build(self, pieces: tuple[Piece, ...]) -> bytes:
        if self.readers < 2:
            return build(pieces)
        names = tuple((id(piece.source), id(piece.block), piece.next) for piece in pieces)
        found = self.built.get(names)
        if found is None:
            found = self.built[names] = (pieces, build(pieces))  # while the blocks are held, no others have their ids
            self.size += len(found[1])
            while self.size > KEPT and len(self.built) > 1:
                _, (_, oldest) = self.built.popitem(last=False)
                self.size -= len(oldest)
        return found[1]

    def forget(self) -> None:
        """Keep no message."""
        self.built.clear()
        self.size = 0


class Pieces:
    """The messages that tails share."""

    def __init__(self) -> None:
        self._choices: dict[tuple[str, Selection], _Choice] = {}

    @contextmanager
    def reader(self, uuid: str, selection: Selection) -> Iterator[Build]:
        """How a tail of this choice builds its messages, while it lasts."""
        key = (uuid, selection)
        choice = self._choices.setdefault(key, _Choice())
        choice.readers += 1
        try:
            yield choice.build
        finally:
            choice.readers -= 1
            if choice.readers < 2:
                choice.forget()
            if not choice.readers:
                del self._choices[key]


def _header(piece: Piece) -> bytes:
    source = piece.source
    fields = {
        "process": source.process,
        "instance": source.instance,
        "release": source.release,
        "lines": piece.lines,
        "bytes": len(piece.block),
        "next": piece.next,
        "at": piece.at,
        "nth": piece.nth,
    }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
