"""How many instances of each process type an app wants, and which types it can have."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import JsonValue

from libs.keyspace.records import Build
from services.controller.errors import BadRequest
from services.controller.fields import Body, Fields
from services.controller.process_types import types

NO_BUILD = "No build associated with this release"
NOT_NEGATIVE = "[u'Must be greater than or equal to zero']"  # as v1 sent it

_TYPE = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


def read_scale(body: Body, *, most: int) -> dict[str, int]:
    """The counts that a request asks for; raises `BadRequest` in v1's words."""
    counts = {type_: _count(value) for type_, value in body.items()}
    if any(count < 0 for count in counts.values()):
        raise BadRequest(NOT_NEGATIVE)
    refuse_too_many(counts, most=most)
    return counts


def refuse_too_many(formation: Mapping[str, int], *, most: int) -> None:
    """Raise `BadRequest` for more instances of an app, of all types together, than one may have."""
    if (total := sum(formation.values())) > most:
        asked = ", ".join(f"{type_}={count}" for type_, count in sorted(formation.items()))
        raise BadRequest(f"Must be less than or equal to {most} in all: {asked[:200]} would be {total}")


def _count(value: JsonValue) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    raise BadRequest(f"Invalid scaling format: invalid literal for int() with base 10: {str(value)[:64]!r}")


def refuse_unknown_types(counts: Mapping[str, int], build: Build | None, formation: Mapping[str, int]) -> None:
    """Raise `BadRequest` for a type that the build does not have; one of the formation can still be scaled to 0."""
    if build is None:
        raise BadRequest(NO_BUILD)
    known = types(build)
    for type_, count in counts.items():
        if type_ not in known and (count > 0 or type_ not in formation):
            raise BadRequest(f"Container type {type_} does not exist in application")


def read_structure(fields: Fields, *, most: int) -> dict[str, int]:
    """The field `structure` of a new app, checked."""
    asked = fields.mapping("structure")
    for type_ in asked:
        if not _TYPE.fullmatch(type_):
            fields.wrongly("structure", "Process types can only contain [a-z0-9_-]")
            return {}
    try:
        return read_scale(asked, most=most)
    except BadRequest as error:
        fields.wrongly("structure", str(error))
        return {}


def read_procfile(fields: Fields) -> dict[str, str]:
    """The field `procfile` of a new build, checked: commands by process type."""
    procfile: dict[str, str] = {}
    for type_, command in fields.mapping("procfile").items():
        if not _TYPE.fullmatch(type_):
            fields.wrongly("procfile", "Process types can only contain [a-z0-9_-]")
        elif not isinstance(command, str) or "\0" in command:
            fields.wrongly("procfile", f"The command of {type_} must be a string")
        else:
            procfile[type_] = command
    return procfile
