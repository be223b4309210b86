"""What is probed: one run of one instance, by up to three checks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from libs.keyspace.records import Check, Instance, StaysUp, TcpAction

Role = Literal["startup", "readiness", "liveness"]


@dataclass(frozen=True, slots=True)
class Target:
    """One run of an instance and how it is checked; anything that changes here is another target.

    `name` is the engine's. Without a startup check, `readiness` says that it has started; without a liveness check what
    runs is live.
    """

    name: str
    address: str | None
    port: int | None
    run: datetime | None
    readiness: Check
    startup: Check | None = None
    liveness: Check | None = None

    def check(self, role: Role) -> Check:
        """The check of a role that it has."""
        match role:
            case "startup":
                found = self.startup
            case "readiness":
                found = self.readiness
            case "liveness":
                found = self.liveness
        assert found is not None, f"{self.name} has no {role} check"
        return found


def target_of(instance: Instance) -> Target | None:
    """The target of an instance, None while it does not run. One without a check gets the default for what it has.

    A one-off run has none: nobody asks whether it is ready.
    """
    if instance.state != "running" or instance.once:
        return None
    checks = instance.checks
    readiness = checks.readiness if checks is not None else None
    if readiness is None:
        readiness = Check(stays_up=StaysUp()) if instance.port is None else Check(tcp=TcpAction())
    return Target(
        name=instance.name,
        address=instance.address,
        port=instance.port,
        run=instance.started,
        readiness=readiness,
        startup=checks.startup if checks is not None else None,
        liveness=checks.liveness if checks is not None else None,
    )
