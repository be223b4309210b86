"""What a plan comes to: steps, when to look again at the latest, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.controller.deployer.steps import Step, busy_key

NAMED = 3  # things of a kind that a sentence names; the others are counted


@dataclass(frozen=True, slots=True)
class Plan:
    """The next steps, in order, and the time at which the picture must be looked at again even if nothing changed."""

    steps: tuple[Step, ...] = ()
    look_again: datetime | None = None


@dataclass(slots=True)
class Intentions:
    """A plan in the making. Steps that are under way already are left out."""

    busy: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    look_again: datetime | None = None
    waits: dict[str, list[str]] = field(default_factory=dict)  # by sentence, with `{}` where the names go

    def add(self, step: Step) -> None:
        """Take this step."""
        if busy_key(step) not in self.busy:
            self.steps.append(step)

    def look_at(self, when: datetime) -> None:
        """Look again at this time, if not before."""
        self.look_again = when if self.look_again is None else min(self.look_again, when)

    def wait(self, sentence: str, name: str = "") -> None:
        """Say what is waited for."""
        names = self.waits.setdefault(sentence, [])
        if name and name not in names:
            names.append(name)

    def words(self) -> str:
        """What is waited for, in plain words."""
        said = []
        for sentence, names in self.waits.items():
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            said.append(sentence.replace("{}", ", ".join(names[:NAMED]) + more))
        return "; ".join(said)

    def plan(self) -> Plan:
        """The finished plan."""
        return Plan(tuple(self.steps), self.look_again)
