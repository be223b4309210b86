"""Which lines a reader wants: the filters of reads, tails and drains, and how their texts are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from libs.loglines.level import LOOKED_AT, Level, level_of
from libs.loglines.line import LAST, PREFIX, nanoseconds
from libs.loglines.pattern import BadPattern, Pattern, pattern

T = TypeVar("T")

PARAMETERS = ("process", "instance", "release", "stream", "since", "until", "grep", "level")
LONGEST_NAME = 128  # of a process or an instance
_GAP = ord("g")
_STREAMS = {"stdout": b"oO", "stderr": b"eE", "platform": b"p"}
_LEVELS = {level.name.lower(): level for level in Level}
_RELEASE = re.compile(r"v?([0-9]{1,9})")
_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadSelection(ValueError):
    """A parameter that cannot be read; the message names it, its value, and what would be right."""


class Passed(NamedTuple):
    """What a selection leaves of a block: lines in the stored form, how many, and the index of the first one."""

    block: bytes
    lines: int
    first: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Lines that satisfy all of these; None is any. Equal selections choose the same lines.

    A line that says that lines are missing (kind `g`) passes `stream`, `grep` and `level`: what is missing may have.
    """

    process: str | None = None  # `web` or `web.1`
    instance: str | None = None
    release: int | None = None
    stream: str | None = None  # a key of `_STREAMS`
    since: int = 0  # ns since the epoch, included
    until: int = LAST  # ns, included
    grep: str | None = None  # a pattern of RE2
    level: str | None = None  # at least that
    # Held for as long as the selection is in use, however many others there are.
    _pattern: Pattern | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", None if self.grep is None else pattern(self.grep))

    def wants(self, process: str, instance: str, release: int) -> bool:
        """Whether lines of such a source are asked for."""
        return (
            self.process in {None, process, process.partition(".")[0]}
            and self.instance in {None, instance}
            and self.release in {None, release}
        )

    @property
    def whole(self) -> bool:
        """Whether every line of a wanted source passes."""
        return self.stream is None and self.grep is None and self.level is None and not self.timed

    @property
    def timed(self) -> bool:
        """Whether times matter."""
        return self.since > 0 or self.until < LAST

    def passing(self, block: bytes, lines: int) -> Passed:
        """What passes of a block of so many lines; the block itself where all do."""
        if self.whole:
            return Passed(block, lines)
        stored = block.split(b"\n")
        stored.pop()
        chosen = self.chosen(stored)
        if len(chosen) == len(stored):
            return Passed(block, lines)
        if not chosen:
            return Passed(b"", 0)
        return Passed(b"".join([stored[index] + b"\n" for index in chosen]), len(chosen), chosen[0])

    def chosen(self, stored: list[bytes]) -> list[int]:
        """The indexes of those stored lines (without their newlines) that pass, in order."""
        left: Sequence[int] = range(len(stored))
        if self.timed:
            since, until = b"%016x" % self.since, b"%016x" % self.until
            left = [index for index in left if since <= stored[index][:16] <= until]
        if self.stream is not None:
            kinds = _STREAMS[self.stream] + b"g"
            left = [index for index in left if stored[index][16] in kinds]
        if self._pattern is not None and left:
            found = {left[at] for at in self._pattern.lines([stored[index][PREFIX:] for index in left])}
            left = [index for index in left if index in found or stored[index][16] == _GAP]
        if self.level is not None:
            least = _LEVELS[self.level]
            left = [index for index in left if (line := stored[index])[16] == _GAP or _level_of(line) >= least]
        return list(left)


def _level_of(line: bytes) -> Level:
    return level_of(line[16:PREFIX], line[PREFIX : PREFIX + LOOKED_AT])


def parse(parameters: Mapping[str, str], *, now: datetime, strict: bool = False) -> Selection:
    """The selection; raises `BadSelection`. An empty text is as none; unknown names mean nothing, unless `strict`."""
    if strict and (unknown := sorted(set(parameters) - set(PARAMETERS))):
        raise BadSelection(f"{unknown[0][:100]!r} is no filter; there are {', '.join(PARAMETERS)}")

    def read(name: str, reader: Callable[[str, str, datetime], T]) -> T | None:
        text = parameters.get(name, "")
        return reader(name, text, now) if text else None

    since, until = read("since", _time), read("until", _time)
    if since is not None and until is not None and since > until:
        first, last = parameters["since"], parameters["until"]
        raise BadSelection(f"since is {first!r}, which is later than until, {last!r}; exchange them")
    return Selection(
        process=read("process", _name),
        instance=read("instance", _name),
        release=read("release", _release),
        stream=read("stream", _stream),
        since=0 if since is None else since,
        until=LAST if until is None else until,
        grep=read("grep", _pattern),
        level=read("level", _level),
    )


def _bad(name: str, text: str, right: str) -> BadSelection:
    shown = text if len(text) <= 100 else text[:100] + "…"
    return BadSelection(f"{name} is {shown!r}; it must be {right}")


def _name(name: str, text: str, _: datetime) -> str:
    if len(text) > LONGEST_NAME:
        raise _bad(name, text, f"a name of at most {LONGEST_NAME} characters")
    return text


def _release(name: str, text: str, _: datetime) -> int:
    if match := _RELEASE.fullmatch(text):
        return int(match[1])
    raise _bad(name, text, "a release as v3 or 3")


def _stream(name: str, text: str, _: datetime) -> str:
    if text in _STREAMS:
        return text
    raise _bad(name, text, "stdout, stderr or platform")


def _level(name: str, text: str, _: datetime) -> str:
    if text in _LEVELS:
        return text
    raise _bad(name, text, "debug, info, warning or error")


def _pattern(name: str, text: str, _: datetime) -> str:
    try:
        pattern(text)
    except BadPattern as error:
        raise _bad(name, text, f"a pattern of RE2 ({error})") from error
    return text


def _time(name: str, text: str, now: datetime) -> int:
    """A time in ns: an age (`90s`, `10m`, `2h`, `1d`) or an RFC 3339 time; without an offset it is UTC."""
    if match := _AGO.fullmatch(text):
        return max(nanoseconds(now) - int(match[1]) * _UNITS[match[2]] * 1_000_000_000, 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad(name, text, "an age as 10m or a time as 2015-01-31T23:59:59Z") from error
    return min(max(nanoseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), 0), LAST)
