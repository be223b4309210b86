"""A change of an app's config: read from a request by v1's rules, merged over what there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue

from services.controller.fields import Body, Fields
from services.controller.healthchecks import Healthcheck, read_healthcheck, refuse_too_large
from services.controller.probe import BadProbe

T = TypeVar("T")

LONGEST_VALUE = 128 * 1024  # bytes of `KEY=value` with its end: Linux takes no longer argument (MAX_ARG_STRLEN)
LARGEST_CONFIG = 512 * 1024  # bytes of all values together: a release must fit in one record

LAST_PORT = 65535
MOST_SAID = 20  # different things that are wrong with a field
PLATFORMS_OWN = frozenset({"DEIS_APP", "DEIS_RELEASE", "DEIS_PROCESS"})

BAD_KEY = "Config keys must start with a letter or underscore and only contain [A-z0-9_]"
BAD_TYPE = "Process types can only contain [a-z]"
BAD_MEMORY = "Limit format: <number><unit>, where unit = B, K, M or G"
BAD_CPU = "CPU shares must be an integer"
BAD_CPU_RANGE = "CPU shares must be between 0 and 1024"
BAD_TAG_KEY = "Tag keys can only contain [a-z]"
BAD_TAG = "Invalid tag value"

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPE = re.compile(r"[a-z][A-Za-z0-9_-]*")
_MEMORY = re.compile(r"[0-9]{1,15}([mkgMKG][bB]|[bkmgBKMG])")
_TAG_KEY = re.compile(r"[A-Za-z]+")
_TAG = re.compile(r"\w+", re.ASCII)


class Refused(ValueError):
    """A value or key of a config that v1 refuses; its text is v1's message."""


@dataclass(frozen=True)
class ConfigChange:
    """What a request sets (a value) and removes (None), field by field; what it does not name stays."""

    values: Mapping[str, str | None]
    memory: Mapping[str, str | None]
    cpu: Mapping[str, int | None]
    tags: Mapping[str, str | None]
    healthcheck: Healthcheck


def read_change(body: Body) -> ConfigChange:
    """The change that a request asks for; raises `BadFields`."""
    fields = Fields(body)
    change = ConfigChange(
        values=_read(fields, "values", _KEY, BAD_KEY, _value),
        memory=_read(fields, "memory", _TYPE, BAD_TYPE, _memory),
        cpu=_read(fields, "cpu", _TYPE, BAD_TYPE, _cpu),
        tags=_read(fields, "tags", _TAG_KEY, BAD_TAG_KEY, _tag),
        healthcheck=_healthcheck(fields),
    )
    fields.check()
    return change


def _healthcheck(fields: Fields) -> Healthcheck:
    try:
        given = fields.mapping("healthcheck")
        refuse_too_large(given)  # before it is read, which takes its time
        return read_healthcheck(given)
    except BadProbe as bad:
        for reason in bad.reasons:
            fields.wrongly("healthcheck", reason)
        return {}


def merge(before: Mapping[str, T], change: Mapping[str, T | None]) -> dict[str, T]:
    """What there is after a change."""
    merged = {**before, **change}
    return {key: value for key, value in merged.items() if value is not None}


def fits(values: Mapping[str, str]) -> bool:
    """Whether a whole config is small enough to be kept."""
    return sum(len(key.encode()) + len(value.encode()) for key, value in values.items()) <= LARGEST_CONFIG


def _read(
    fields: Fields, name: str, key_shape: re.Pattern[str], bad_key: str, parse: Callable[[str, JsonValue], T]
) -> dict[str, T | None]:
    parsed: dict[str, T | None] = {}
    said: set[str] = set()
    for key, value in fields.mapping(name).items():
        try:
            _refuse_unless(key_shape.fullmatch(key), bad_key)
            parsed[key] = None if value is None else parse(key, value)
        except Refused as refused:
            if len(said) < MOST_SAID and str(refused) not in said:
                said.add(str(refused))
                fields.wrongly(name, str(refused))
    return parsed


def _refuse_unless(good: object, message: str) -> None:
    if not good:
        raise Refused(message)


def _text(value: JsonValue, otherwise: str) -> str:
    if isinstance(value, dict | list):
        raise Refused(otherwise)
    return str(value)


def _value(key: str, value: JsonValue) -> str:
    text = _text(value, f"The value of {key} must be a string")
    if "\0" in text:
        raise Refused(f"The value of {key} contains a null character, which no environment can hold")
    if len(key) + len(text.encode()) + 2 > LONGEST_VALUE:
        raise Refused(f"The value of {key} is longer than an environment can hold (128 KiB)")
    match key:
        case _ if key in PLATFORMS_OWN:
            raise Refused(f"{key} is set by the platform for every process and cannot be changed")
        case "PORT" if not (re.fullmatch(r"[1-9][0-9]{0,4}", text) and int(text) <= LAST_PORT):
            raise Refused("PORT must be a number from 1 to 65535: the port that web and cmd listen on")
        case "HEALTHCHECK_TIMEOUT" | "HEALTHCHECK_INITIAL_DELAY" if not re.fullmatch(r"[0-9]{1,6}", text):
            raise Refused(f"{key} must be a number of seconds")
        case "HEALTHCHECK_TIMEOUT" if int(text) == 0:
            raise Refused("HEALTHCHECK_TIMEOUT must be a number of seconds greater than 0")
        case "HEALTHCHECK_URL" if not re.fullmatch(r"/[!-~]*", text):
            raise Refused(f"{key} must be a path that begins with /")
    return text


def _memory(key: str, value: JsonValue) -> str:
    del key
    text = _text(value, BAD_MEMORY)
    _refuse_unless(_MEMORY.fullmatch(text), BAD_MEMORY)
    return text


def _cpu(key: str, value: JsonValue) -> int:
    del key
    text = _text(value, BAD_CPU)
    _refuse_unless(not isinstance(value, bool) and re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text), BAD_CPU)
    _refuse_unless(0 <= int(text) <= 1024, BAD_CPU_RANGE)
    return int(text)


def _tag(key: str, value: JsonValue) -> str:
    del key
    text = _text(value, BAD_TAG)
    _refuse_unless(_TAG.fullmatch(text), BAD_TAG)
    return text
