"""What an instance is made of: command, environment, limits, checks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from libs.engine import Identity, InstanceSpec, Limits
from libs.keyspace.records import (
    ROUTED_TYPES,
    App,
    Build,
    Check,
    Checks,
    HttpAction,
    Planned,
    Release,
    Rollout,
    StaysUp,
    TcpAction,
)
from services.controller.healthchecks import Healthcheck, in_words, probes_of
from services.controller.probe import BadProbe

MEMORY = re.compile(r"(?P<number>\d+)(?P<unit>[BKMG]|[KMG]B)", re.IGNORECASE)  # v1's formats
LAST_PORT = 65535
UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
LEAST_CPU_SHARES = 2  # the kernel's


class BadRecipe(ValueError):
    """A release that cannot be run as it is configured; `reason` says what is wrong and what would be right."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def recipe(  # noqa: PLR0913 - the records that it is made of
    app: App,
    *,
    release: Release,
    build: Build,
    rollout: Rollout,
    entry: Planned,
    values: Mapping[str, str],
    default_port: int,
) -> InstanceSpec:
    """The instance that this entry plans. `values` is the release's config, unsealed. Raises `BadRecipe`.

    A routed type listens on the config's PORT, else on the port that the image exposes, else on the default one.
    """
    identity = Identity(entry.id, app.id, app.uuid, entry.type, entry.number, release.number, entry.generation)
    routed = entry.type in ROUTED_TYPES
    port = (_port(values) or rollout.port or default_port) if routed else None
    line = build.procfile.get(entry.type)
    return InstanceSpec(
        identity=identity,
        image=rollout.image,
        command=("/bin/sh", "-c", line) if line else None,
        entrypoint=() if line else None,
        environment=values,
        port=port,
        checks=checks(entry.type, release.config.healthcheck, values).model_dump_json(exclude_none=True),
        limits=limits_of(release, entry.type),
    )


def checks(type_: str, healthcheck: Healthcheck, values: Mapping[str, str]) -> Checks:
    """The probes of an instance of this type; raises `BadRecipe`.

    The config's own come first. Where it has none for readiness, v1's HEALTHCHECK_URL and its company stand in for
    types with a port, else a TCP connect; types without a port have to stay up.
    """
    try:
        named = probes_of(healthcheck, type_)
    except BadProbe as bad:
        raise BadRecipe(str(bad)) from bad
    return named if named.readiness is not None else named.changed(readiness=_readiness(type_, values))


def effective(type_: str, healthcheck: Healthcheck, values: Mapping[str, str]) -> Healthcheck:
    """The same in the user's words, with every number; raises `BadRecipe`."""
    return in_words(checks(type_, healthcheck, values))


def _readiness(type_: str, values: Mapping[str, str]) -> Check:
    if type_ not in ROUTED_TYPES:
        return Check(stays_up=StaysUp())
    delay = _seconds(values, "HEALTHCHECK_INITIAL_DELAY", default=0.0)
    timeout = _seconds(values, "HEALTHCHECK_TIMEOUT", default=1.0)
    if timeout <= 0:
        raise BadRecipe("HEALTHCHECK_TIMEOUT is 0; it must be a number of seconds greater than 0")
    if not (path := values.get("HEALTHCHECK_URL", "").strip()):
        return Check(tcp=TcpAction(), initial_delay_seconds=delay, timeout_seconds=timeout)
    action = HttpAction(path=path if path.startswith("/") else f"/{path}")
    return Check(http=action, initial_delay_seconds=delay, timeout_seconds=timeout)


def _port(values: Mapping[str, str]) -> int | None:
    given = values.get("PORT", "").strip()
    if not given:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", given, re.ASCII) or not 0 < int(given) <= LAST_PORT:
        raise BadRecipe(f"PORT is {given!r}; it must be a number from 1 to {LAST_PORT}")
    return int(given)


def _seconds(values: Mapping[str, str], name: str, *, default: float) -> float:
    given = values.get(name, "").strip()
    if not given:
        return default
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", given, re.ASCII):
        raise BadRecipe(f"{name} is {given!r}; it must be a number of seconds, such as 5 or 0.5")
    return float(given)


def limits_of(release: Release, type_: str) -> Limits:
    """What the config lets an instance of this type use; raises `BadRecipe`."""
    shares = release.config.cpu.get(type_)
    memory = release.config.memory.get(type_)
    return Limits(
        memory=memory_bytes(memory) if memory else None,
        cpu_shares=max(LEAST_CPU_SHARES, shares) if shares else None,
    )


def memory_bytes(text: str) -> int:
    """A memory limit in bytes: a number and B, K, KB, M, MB, G or GB, powers of 1024. Raises `BadRecipe`."""
    found = MEMORY.fullmatch(text.strip())
    if found is None or not found["number"].isascii():
        raise BadRecipe(f"the memory limit is {text!r}; it must be <number><unit>, where unit = B, K, M or G")
    return int(found["number"]) * UNITS[found["unit"][0].upper()]
