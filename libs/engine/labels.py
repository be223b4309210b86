"""Who an instance is, as the engine carries it: labels, and the environment that its process sees.

The labels alone tell an instance from a stranger, so a platform that lost its records still knows what runs. Values are
strings; what is not there has no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern

from libs.engine.engine import Identity, InstanceSpec

PREFIX = "io.deis."
PLATFORM = PREFIX + "platform"  # whose instance it is: every container and network of a platform carries it


class BadLabels(ValueError):
    """Labels that name the platform but no instance; the message says which label is wrong, and how."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What labels tell."""

    identity: Identity
    port: int | None = None
    checks: str = ""
    memory: int | None = None
    once: bool = False
    until: datetime | None = None


def labels(spec: InstanceSpec, platform: str) -> dict[str, str]:
    """The labels of an instance of this platform; `read` is the way back."""
    who = spec.identity
    found = {
        PLATFORM: platform,
        PREFIX + "instance": who.id,
        PREFIX + "app": who.app,
        PREFIX + "app-uuid": who.app_uuid,
        PREFIX + "type": who.type,
        PREFIX + "number": str(who.number),
        PREFIX + "release": str(who.release),
        PREFIX + "generation": str(who.generation),
    }
    if spec.port is not None:
        found[PREFIX + "port"] = str(spec.port)
    if spec.checks:
        found[PREFIX + "checks"] = spec.checks
    if spec.limits.memory is not None:
        found[PREFIX + "memory"] = str(spec.limits.memory)
    if spec.once:
        found[PREFIX + "once"] = "true"
        if spec.until is not None:
            found[PREFIX + "until"] = spec.until.astimezone(UTC).isoformat()
    return found


def read(found: Mapping[str, str]) -> Labelled:
    """Who the bearer of these labels is; raises `BadLabels`. What many bear alike is held once."""
    return Labelled(
        identity=Identity(
            id=_text(found, "instance"),
            app=intern(_text(found, "app")),
            app_uuid=intern(_text(found, "app-uuid")),
            type=intern(_text(found, "type")),
            number=_number(found, "number"),
            release=_number(found, "release"),
            generation=_number(found, "generation") if PREFIX + "generation" in found else 0,
        ),
        port=_port(found) if PREFIX + "port" in found else None,
        checks=intern(found.get(PREFIX + "checks", "")),
        memory=_number(found, "memory") if PREFIX + "memory" in found else None,
        once=found.get(PREFIX + "once") == "true",
        until=_moment(found, "until") if PREFIX + "until" in found else None,
    )


def environment(spec: InstanceSpec) -> dict[str, str]:
    """What the process sees: its config, `PORT`, v1's `DEIS_APP` and `DEIS_RELEASE`, and `DEIS_PROCESS` (`web.1`).

    As in v1, the platform's own word wins over a config value of the same name.
    """
    who = spec.identity
    own = {"DEIS_APP": who.app, "DEIS_RELEASE": f"v{who.release}", "DEIS_PROCESS": f"{who.type}.{who.number}"}
    if spec.port is not None:
        own["PORT"] = str(spec.port)
    return {**spec.environment, **own}


def _text(found: Mapping[str, str], name: str) -> str:
    value = found.get(PREFIX + name, "")
    if not value:
        raise BadLabels(f"label {PREFIX}{name} is missing or empty")
    return value


def _number(found: Mapping[str, str], name: str) -> int:
    value = _text(found, name)
    if not (value.isascii() and value.isdigit()):
        raise BadLabels(f"label {PREFIX}{name} is {value!r}, not a number")
    return int(value)


def _moment(found: Mapping[str, str], name: str) -> datetime:
    value = _text(found, name)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadLabels(f"label {PREFIX}{name} is {value!r}, not a time") from error
    if moment.tzinfo is None:
        raise BadLabels(f"label {PREFIX}{name} is {value!r}, a time without its zone")
    return moment


def _port(found: Mapping[str, str]) -> int:
    port = _number(found, "port")
    if not 0 < port < 65536:
        raise BadLabels(f"label {PREFIX}port is {port}, not a TCP port")
    return port
