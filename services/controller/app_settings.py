"""The settings of an app that make no release: read from a request with a reason for each refusal, and told. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from libs.keyspace.records import AppSettings
from services.controller.errors import BadFields
from services.controller.fields import NULL, REQUIRED, Body, Fields
from services.controller.probe import refusal

DAY = 86400
LONGEST_GRACE = 3600

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_SURGE = re.compile(r"[0-9]{1,4}|[0-9]{1,3}%")


class Refused(ValueError):
    """A value that a setting cannot have."""


@dataclass(frozen=True)
class Setting:
    """How one setting is read; `right` says what would be right."""

    read: Callable[[JsonValue], float | str]
    right: str


def _seconds(least: float, most: int, *, whole: bool = False) -> Setting:
    def read(value: JsonValue) -> float | str:
        number = _number(value)
        if not least <= number <= most or (whole and number != int(number)):
            raise Refused
        return int(number) if whole else number

    kind = "a whole number" if whole else "a number"
    above = f"greater than 0 and at most {most}" if 0 < least < 1 else f"from {least:g} to {most}"
    return Setting(read, f"{kind} of seconds {above}")


def _number(value: JsonValue) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
        return float(value)
    raise Refused


def _surge(value: JsonValue) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _SURGE.fullmatch(text):
        raise Refused
    return text


def _parallel(value: JsonValue) -> float | str:
    number = _number(value)
    if number != int(number) or not 1 <= number <= 1000:
        raise Refused
    return int(number)


KNOWN: Mapping[str, Setting] = {
    "startup_limit_seconds": _seconds(0.001, DAY),
    "drain_seconds": _seconds(0, DAY),
    "drain_websocket_seconds": _seconds(0, DAY),
    "stop_grace_seconds": _seconds(0, LONGEST_GRACE),
    "response_timeout_seconds": _seconds(1, DAY, whole=True),
    "surge": Setting(_surge, 'a number of instances such as "2", a share of a type such as "50%", or "0": in place'),
    "parallel": Setting(_parallel, "a whole number of instances from 1 to 1000"),
}

Change = Mapping[str, float | str | None]
"""Values by setting; None puts the default back."""


def read_settings(body: Body) -> Change:
    """The change that a request asks for; raises `BadFields`."""
    if body.get("settings") is None:
        raise BadFields(settings=NULL if "settings" in body else REQUIRED)
    fields = Fields(body)
    change: dict[str, float | str | None] = {}
    for name, value in fields.mapping("settings").items():
        if (setting := KNOWN.get(name)) is None:
            right = f"there is no such setting; it must be one of {', '.join(KNOWN)}"
            fields.wrongly("settings", refusal(name[:64], value, right))
            continue
        try:
            change[name] = None if value is None else setting.read(value)
        except Refused:
            fields.wrongly("settings", refusal(name, value, f"it must be {setting.right}, or null for the default"))
    fields.check()
    return change


def changed(settings: AppSettings, change: Change) -> AppSettings:
    """What holds after a change."""
    defaults = AppSettings()
    return settings.changed(
        **{name: getattr(defaults, name) if value is None else value for name, value in change.items()}
    )


def shown(settings: AppSettings) -> dict[str, JsonValue]:
    """The settings as an answer has them; null is the platform's own default."""
    values = {name: getattr(settings, name) for name in KNOWN}
    return {name: _plain(value) for name, value in values.items()}


def sentence(user: str, change: Change) -> str:
    """What the event says."""
    said = (f"{name}={'default' if value is None else _plain(value)}" for name, value in sorted(change.items()))
    return f"{user} set {', '.join(said)}"


def _plain(value: float | str | None) -> float | str | None:
    return int(value) if isinstance(value, float) and value == int(value) else value
