"""An app's probes by process type, in the user's words: a change is read, and merged probe by probe. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from libs.keyspace.records import ROUTED_TYPES, Check, Checks
from services.controller.probe import PORT, BadProbe, Words, check_of, read_probe, refusal, words_of

NAMES = {"startupProbe": "startup", "readinessProbe": "readiness", "livenessProbe": "liveness"}
LARGEST = 64 * 1024  # bytes of all probes of an app together, as JSON: each instance carries its own as a label
REASONS_GIVEN = 20
SHOWN_OF_NAMES = 64  # characters

Healthcheck: TypeAlias = dict[str, JsonValue]
"""Probes by process type and name. In a change null takes a probe or a whole type away; what is not named stays."""

_TYPE = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_OBJECT = f"it must be an object of {', '.join(NAMES)}, or null"


def read_healthcheck(given: Mapping[str, JsonValue]) -> Healthcheck:
    """The change that a request asks for; raises `BadProbe` with all that is wrong with it."""
    reasons: list[str] = []
    change: Healthcheck = {}
    for type_, probes in given.items():
        where = f"healthcheck.{type_[:SHOWN_OF_NAMES]}"
        if not _TYPE.fullmatch(type_):
            reasons.append(f"{where}: no process type has this name; it must only contain [a-z0-9_-]")
        elif probes is None:
            change[type_] = None
        elif not isinstance(probes, dict):
            reasons.append(refusal(where, probes, _OBJECT))
        else:
            change[type_] = _read_probes(type_, probes, where, reasons)
    if reasons:
        more = len(reasons) - REASONS_GIVEN
        raise BadProbe([*reasons[:REASONS_GIVEN], *([f"and {more} more"] if more > 0 else [])])
    return change


def _read_probes(type_: str, probes: Words, where: str, reasons: list[str]) -> Words:
    read: Words = {}
    for name, value in probes.items():
        at = f"{where}.{name[:SHOWN_OF_NAMES]}"
        if name not in NAMES:
            reasons.append(refusal(at, value, f"there is no such probe; it must be one of {', '.join(NAMES)}"))
        elif value is None:
            read[name] = None
        else:
            try:
                words = read_probe(value, at)
            except BadProbe as bad:
                reasons += bad.reasons
            else:
                reasons += _unfit(type_, name, words, at)
                read[name] = words
    return read


def _unfit(type_: str, name: str, words: Words, where: str) -> Iterator[str]:
    """Why a good probe does not fit its place."""
    if name == "livenessProbe" and "staysUp" in words:
        right = "it must be httpGet, tcpSocket or exec: a process that exits is started again without a probe"
        yield refusal(f"{where}.staysUp", words["staysUp"], right)
    successes = words.get("successThreshold", 1)
    if name != "readinessProbe" and successes != 1:
        yield refusal(f"{where}.successThreshold", successes, f"it must be 1 for a {name}")
    for action in ("httpGet", "tcpSocket"):
        asked = words.get(action)
        if isinstance(asked, dict) and "port" not in asked and type_ not in ROUTED_TYPES:
            yield f"{where}.{action}.port: missing; it must be {PORT}, as {type_} has no port of its own"


def merged(before: Healthcheck, change: Healthcheck) -> Healthcheck:
    """What there is after a change, in its normal form: nothing empty, types sorted, probes in the order of a life."""
    after: Healthcheck = {}
    for type_ in sorted(before.keys() | change.keys()):
        new = change.get(type_, {})
        probes = {**_probes(before.get(type_)), **_probes(new)} if new is not None else {}
        if kept := {name: probes[name] for name in NAMES if probes.get(name) is not None}:
            after[type_] = kept
    return after


def _probes(of_a_type: JsonValue) -> Words:
    return of_a_type if isinstance(of_a_type, dict) else {}


def refuse_too_large(healthcheck: Mapping[str, JsonValue]) -> None:
    """Raise `BadProbe` for more than an app's instances can carry."""
    size = len(json.dumps(healthcheck, separators=(",", ":")).encode())
    if size > LARGEST:
        raise BadProbe([f"healthcheck: {size} bytes of JSON; all probes together must be at most {LARGEST}"])


def probes_of(healthcheck: Healthcheck, type_: str) -> Checks:
    """The checks that a config has for a process type; None each that it has not.

    Raises `BadProbe` for what this release of the platform cannot read.
    """
    read = read_healthcheck({type_: healthcheck.get(type_)})
    checks = {NAMES[name]: check_of(words) for name, words in _probes(read[type_]).items() if isinstance(words, dict)}
    return Checks(**checks)


def in_words(checks: Checks) -> dict[str, JsonValue]:
    """Checks in the user's words, every number of them."""
    found: dict[str, Check | None] = {name: getattr(checks, field) for name, field in NAMES.items()}
    return {name: words_of(check) for name, check in found.items() if check is not None}


def flat(healthcheck: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The probes by `web readiness` and the like, for telling what two configs differ in."""
    return {
        f"{type_} {NAMES.get(name, name)}": words
        for type_, probes in healthcheck.items()
        for name, words in _probes(probes).items()
    }
