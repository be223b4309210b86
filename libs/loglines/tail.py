"""A log tail as its reader has it: messages to events, events to lines in order, and the cursor; no I/O.

The contract is `proto/log-tail.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from libs.loglines.line import LAST, BadBlock, Line, check_block, lines_of

PROTOCOL = "deis.logs.v1"
TICKET = "deis.ticket."  # before the ticket, in the list of protocols that are asked for
HEADER_LIMIT = 4096  # bytes of a part's header
MOST_PLACES = 4096  # sources in a cursor: those that spoke last


class BadMessage(ValueError):
    """What no logger says."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Ready(_Message):
    """The tail stands; `boot` names the memory that it reads."""

    type: Literal["ready"]
    app: str
    logger: str
    boot: str


class Stand(_Message):
    """A place in an instance's output, in the memory that is read."""

    next: int = Field(ge=0)
    at: int = Field(ge=0, le=LAST)
    nth: int = Field(ge=0)


class Places(_Message):
    """Where a reader who came without a cursor stands before the first line, by instance."""

    type: Literal["places"]
    sources: dict[str, Stand]


class Live(_Message):
    """What follows is new."""

    type: Literal["live"]


class Missed(_Message):
    """Lines that this reader does not get; None is what nobody knows. Times as RFC 3339 has them."""

    type: Literal["missed"]
    lines: int | None = Field(ge=0)
    since: str | None = Field(alias="from")
    until: str | None
    why: str


class End(_Message):
    """The tail ends."""

    type: Literal["end"]
    reason: str
    detail: str = ""


Event = Ready | Places | Live | Missed | End
_EVENTS: TypeAdapter[Event] = TypeAdapter(Ready | Places | Live | Missed | End)
_KINDS = frozenset({"ready", "places", "live", "missed", "end"})


class Source(_Message):
    """What a part says before its lines: whose they are, and the reader's place behind them."""

    process: str
    instance: str  # empty: the platform itself
    release: int = Field(ge=0)
    lines: int = Field(ge=0)
    bytes: int = Field(ge=0)
    next: int = Field(ge=0)
    at: int = Field(ge=0, le=LAST)
    nth: int = Field(ge=0)


class Part(NamedTuple):
    """Lines of one instance, as a block that was checked."""

    source: Source
    block: bytes


def event_of(text: str) -> Event | None:
    """What a text message says; None where its type is of a later protocol. Raises `BadMessage`."""
    try:
        said = json.loads(text)
        if not isinstance(said, dict) or not isinstance(said.get("type"), str):
            raise BadMessage(f"{text[:60]!r} is no object with a type")
        return _EVENTS.validate_python(said) if said["type"] in _KINDS else None
    except ValidationError as error:
        raise BadMessage(f"{text[:60]!r}: {_first(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"{text[:60]!r} is no JSON") from error


def parts_of(message: bytes) -> list[Part]:
    """The parts of a binary message, in its order; raises `BadMessage`."""
    parts: list[Part] = []
    at = 0
    while at < len(message):
        end = message.find(b"\n", at, at + HEADER_LIMIT)
        if end < 0:
            raise BadMessage(f"no header ends within {HEADER_LIMIT} bytes of byte {at}")
        try:
            source = Source.model_validate_json(message[at:end])
        except ValidationError as error:
            raise BadMessage(f"the header at byte {at}: {_first(error)}") from error
        begin, at = end + 1, end + 1 + source.bytes
        if at > len(message):
            raise BadMessage(f"the message ends {at - len(message)} bytes short of its last block")
        parts.append(Part(source, _checked(source, message[begin:at])))
    return parts


def _checked(source: Source, block: bytes) -> bytes:
    try:
        lines = check_block(block) if block else 0
    except BadBlock as error:
        raise BadMessage(f"the block of {source.process}: {error}") from error
    if lines != source.lines:
        raise BadMessage(f"the block of {source.process} has {lines} lines, and its header says {source.lines}")
    return block


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"


def merged(parts: Sequence[Part]) -> Iterator[tuple[Source, Line]]:
    """All lines by time; none comes before an earlier one of its own instance, whatever their times."""
    runs: dict[str, list[Part]] = {}
    for part in parts:
        if part.block:
            runs.setdefault(part.source.instance, []).append(part)
    if len(runs) == 1:
        return _run(parts)
    return merge(*(_run(run) for run in runs.values()), key=lambda told: told[1].at)


def _run(parts: Iterable[Part]) -> Iterator[tuple[Source, Line]]:
    return ((part.source, line) for part in parts for line in lines_of(part.block))


class Place(NamedTuple):
    """Where a reader stands in an instance's output; `boot` is the memory whose number `next` is."""

    boot: str
    next: int
    at: int
    nth: int


@dataclass(frozen=True)
class Cursor:
    """Where a reader stands in an app's log. `boot` is the memory that it reads now."""

    boot: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)  # by instance; who spoke last stands last

    def reading(self, boot: str) -> Cursor:
        """The same place, when it is this memory that is read from now on."""
        return Cursor(boot, self.places)

    def at(self, told: Places) -> Cursor:
        """Before the first line."""
        places = {instance: Place(self.boot, one.next, one.at, one.nth) for instance, one in told.sources.items()}
        return Cursor(self.boot, dict(list(places.items())[-MOST_PLACES:]))

    def after(self, parts: Iterable[Part]) -> Cursor:
        """The place behind these parts."""
        places = dict(self.places)
        for source, _ in parts:
            places.pop(source.instance, None)
            places[source.instance] = Place(self.boot, source.next, source.at, source.nth)
        return Cursor(self.boot, dict(list(places.items())[-MOST_PLACES:]))

    def as_json(self) -> dict[str, Any] | None:
        """The cursor as `begin` has it; None where nothing was read yet.

        One without places says that there was nothing to read. Numbers mean something to the memory that gave them
        alone: while some places are still those of an earlier one no boot is named, and all are found by their times.
        """
        if not self.boot:
            return None
        one = {place.boot for place in self.places.values()} <= {self.boot}
        sources = {
            instance: {"next": place.next, "at": place.at, "nth": place.nth} for instance, place in self.places.items()
        }
        return {"boot": self.boot if one else "", "sources": sources}


def begin(lines: int, select: Mapping[str, str], cursor: Cursor | None = None) -> str:
    """The message by which a reader begins."""
    after = cursor.as_json() if cursor else None
    return json.dumps({"type": "begin", "lines": lines, "select": dict(select), "after": after})
