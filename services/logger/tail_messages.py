"""A tail's messages (`proto/log-tail.md`): the reader's, read, and the logger's, written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.loglines.line import LAST, NANOSECONDS
from services.logger.feed_place import Place
from services.logger.tail_ends import End

MOST_LINES = 1_000_000  # that a reader may ask for
MOST_PLACES = 4096  # of a cursor
WHOLE = "~"  # stands for an instance where the place is one in the app's whole log; it never has lines

Count = Annotated[int, Field(ge=0, le=LAST)]
Name = Annotated[str, Field(max_length=128)]


class BadBegin(ValueError):
    """A reader's first message that cannot be read; the message names the part, and what is wrong with it."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class SaidPlace(_Said):
    """Where a reader stands in an instance's output."""

    next: Count
    at: Count
    nth: Count


class SaidCursor(_Said):
    """Where a reader stands, by instance."""

    boot: Name
    sources: dict[Name, SaidPlace] = Field(max_length=MOST_PLACES)


class Begin(_Said):
    """What a reader says first, and all that it says."""

    type: Literal["begin"]
    lines: int = Field(0, ge=0, le=MOST_LINES)
    select: dict[str, str] = Field(default_factory=dict)
    after: SaidCursor | None = None


def read_begin(message: str | bytes) -> Begin:
    """The reader's beginning; raises `BadBegin`."""
    if isinstance(message, bytes):
        raise BadBegin("the first message is binary; it must be text: a JSON object with type begin")
    try:
        return Begin.model_validate_json(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:100] for part in first["loc"]) or "the first message"
        raise BadBegin(f"{where}: {first['msg']}") from error


def ready(app: str, logger: str, boot: str) -> str:
    """The tail stands."""
    return _text(type="ready", app=app, logger=logger, boot=boot)


def places(sources: Mapping[str, Place], reach: int) -> str:
    """Where a reader who came without a cursor stands before the first line; its reach is the place in the whole."""
    all_ = {**sources, WHOLE: Place(reach, 0, 0)}
    return _text(type="places", sources={instance: place._asdict() for instance, place in all_.items()})


def live() -> str:
    """All that was before has been told."""
    return _text(type="live")


def missed(lines: int | None, since: int | None, until: int | None, why: str) -> str:
    """Lines that the reader does not get, of these times (ns)."""
    return _text(type="missed", lines=lines, **{"from": _time(since)}, until=_time(until), why=why)


def end(told: End) -> str:
    """The tail ends."""
    return _text(type="end", reason=told.reason, detail=told.detail)


def _text(**fields: Any) -> str:
    return json.dumps(fields)


def _time(at: int | None) -> str | None:
    """RFC 3339 to the nanosecond, in UTC."""
    if at is None:
        return None
    seconds, rest = divmod(at, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"
