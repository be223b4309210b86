"""What is probed: one run of one instance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from libs.keyspace.records import Check, Instance, StaysUp, TcpAction


@dataclass(frozen=True, slots=True)
class Target:
    """One run of an instance and how it is checked; anything that changes here is another target."""

    name: str
    address: str | None
    port: int | None
    run: datetime | None
    check: Check


def target_of(instance: Instance) -> Target | None:
    """The target of an instance, None while it does not run. One without a check gets the default for what it has."""
    if instance.state != "running":
        return None
    check = instance.checks.readiness if instance.checks is not None else None
    if check is None:
        check = Check(stays_up=StaysUp()) if instance.port is None else Check(tcp=TcpAction())
    return Target(instance.name, instance.address, instance.port, instance.started, check)
