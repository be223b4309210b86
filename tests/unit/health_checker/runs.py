"""A run that checks look at, and what judgement says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from libs.keyspace.records import Check, Health, TcpAction
from services.health_checker.judgement import Judgement
from services.health_checker.probe import PASSED, Outcome
from services.health_checker.target import Role, Target

RUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSED = Outcome(passed=False, reason="connection refused at 10.1.0.2:5000")
ANSWERED = Outcome(passed=False, reason="GET / answered 503, wants 200–399")  # noqa: RUF001
FAULT = Outcome(passed=False, reason="the checker cannot connect: too many open files", fault=True)
WAITING = Outcome(passed=False, reason="it has to stay up for 5 s", again=1.0)
TCP = Check(tcp=TcpAction())
QUICK = Check(tcp=TcpAction(), period_seconds=1, failure_threshold=2)  # a budget of two seconds


@dataclass
class Run:
    """One run and its judge; `age` is how long it has run, on any clock."""

    startup: Check | None = None
    readiness: Check = TCP
    liveness: Check | None = None
    last: Health | None = None
    age: float = 0.0
    told: list[Health] = field(default_factory=list)
    judgement: Judgement = field(init=False)

    def __post_init__(self) -> None:
        self.restart(self.last)

    @property
    def now(self) -> datetime:
        return RUN + timedelta(seconds=self.age)

    def restart(self, last: Health | None) -> None:
        """A checker begins to judge, from this verdict."""
        target = Target("shop-a1", "10.1.0.2", 5000, RUN, self.readiness, self.startup, self.liveness)
        self.judgement = Judgement(target, last)

    def hear(self, role: Role, *outcomes: Outcome, every: float = 0.25) -> list[Health]:
        """The verdicts on these outcomes, each `every` seconds after the one before."""
        found = []
        for one in outcomes:
            self.age += every
            verdict = self.judgement.hear(role, one, began=self.age, at=self.age, now=self.now, seconds=0.003)
            found += [verdict] if verdict else []
        self.told += found
        return found

    def ready(self, *outcomes: Outcome, every: float = 0.25) -> list[Health]:
        return self.hear("readiness", *outcomes, every=every)

    def up(self) -> None:
        """It passes its readiness and its liveness check."""
        self.ready(PASSED)
        self.hear("liveness", PASSED)

    def suspect(self, age: float) -> bool:
        return self.judgement.suspect(RUN + timedelta(seconds=age), self.age)


def brief(verdicts: list[Health]) -> list[tuple[bool, bool, bool]]:
    return [(one.started, one.ready, one.live) for one in verdicts]


def verdict(*, started: bool, ready: bool, live: bool = True, run: datetime = RUN, **fields: object) -> Health:
    given = {"started": started, "ready": ready, "live": live, "since": RUN, "run": run, **fields}
    return Health.model_validate(given)
