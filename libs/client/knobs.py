"""An app's settings by the names that users type, in one table with the API's names and what each one is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from libs.client.durations import parse_seconds
from libs.client.errors import BadArgument
from libs.client.pairs import parse_pairs

NAME = re.compile(r"[A-Za-z][A-Za-z_-]*")
SURGE = re.compile(r"[0-9]{1,4}|[0-9]{1,3}%")
EXAMPLE = "surge=50% or drain=60"

Value = str | int | float | None


@dataclass(frozen=True)
class Knob:
    """One setting. `unset` is what holds where the API says null of it."""

    name: str
    field: str
    about: str
    read: Callable[[str, str], Value]
    unset: str = ""

    def shown(self, value: object) -> str:
        """A value as a user would type it, or what holds without one."""
        if value is None:
            return self.unset
        return f"{value:g}s" if self.field.endswith("_seconds") and isinstance(value, int | float) else str(value)


def _surge(text: str, name: str) -> str:
    if not SURGE.fullmatch(text):
        raise BadArgument(f'"{name}={text}" is no {name}: write {name}=2, {name}=50%, or {name}=0 to replace in place')
    return text


def _count(text: str, name: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII):
        raise BadArgument(f'"{name}={text}" is no number of processes: a whole number from 1 on is')
    return int(text)


KNOBS = (
    Knob(
        "surge",
        "surge",
        "how many of a type there may be beyond its scale while they are replaced; 0: in place",
        _surge,
        "25%, at least 1",
    ),
    Knob("parallel", "parallel", "how many may be on their way up at a time", _count, "all that the surge allows"),
    Knob("drain", "drain_seconds", "how long the requests of one that leaves may take", parse_seconds),
    Knob("drain-websocket", "drain_websocket_seconds", "how long its WebSockets may stay open", parse_seconds),
    Knob("stop-grace", "stop_grace_seconds", "how long it has from SIGTERM to SIGKILL", parse_seconds),
    Knob("startup-limit", "startup_limit_seconds", "how long one may take from running to ready", parse_seconds),
    Knob(
        "response-timeout",
        "response_timeout_seconds",
        "how long one may take to begin its answer",
        parse_seconds,
        "the router's",
    ),
)
BY_NAME: Mapping[str, Knob] = {**{knob.field: knob for knob in KNOBS}, **{knob.name: knob for knob in KNOBS}}


def parse_settings(texts: Iterable[str]) -> dict[str, Value]:
    """Values by the API's names; `BadArgument` names what is no setting, or no value of it."""
    pairs = parse_pairs(texts, NAME, example=EXAMPLE)
    return {knob_named(name).field: knob_named(name).read(value, name) for name, value in pairs.items()}


def knob_named(name: str) -> Knob:
    """The setting of this name, of the API's too; `BadArgument` if there is none."""
    knob = BY_NAME.get(name.lower())
    if knob is None:
        names = [knob.name for knob in KNOBS]
        close = get_close_matches(name.lower(), names, n=1)
        meant = f"did you mean {close[0]}? There are" if close else "there are"
        raise BadArgument(f'"{name}" is no setting; {meant} {", ".join(names)}')
    return knob


def rows(settings: Mapping[str, object], defaults: Mapping[str, object]) -> list[tuple[str, str, str, str]]:
    """Name, value, default and meaning of each; last those that only the controller knows."""
    known = {knob.field for knob in KNOBS}
    unknown = [Knob(field, field, "", parse_seconds) for field in settings if field not in known]
    return [
        (knob.name, knob.shown(settings.get(knob.field)), knob.shown(defaults.get(knob.field)), knob.about)
        for knob in (*KNOBS, *unknown)
    ]
