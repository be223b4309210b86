"""What one run of an instance has shown so far, and when that is worth a verdict. No I/O, and any steady clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.keyspace.records import Health
from services.health_checker.pace import SOONEST_PERIOD, budget, initial_delay
from services.health_checker.probe import Outcome
from services.health_checker.target import Role, Target
from services.health_checker.thresholds import Tally

NOT_YET_SECONDS = 2.0  # a run that has failed for so long since its first probe gets a verdict that says why
CLOCKS_APART = timedelta(seconds=30)  # a router's clock and this one: a suspicion from so long before a run is of it
NOT_READY_YET = "it has started, and its readiness check has not passed yet"
NOT_PROVEN_YET = "its liveness check has not passed yet"


class Judgement:
    """Hears outcomes and answers with a verdict on a transition (of `started`, `ready`, `live`), else with None.

    A run is ready for the first time once its liveness check has passed too (it is `proven`): a check that cannot pass
    is found out before anything relies on it. A run that does not come up gets one verdict with its reason, and further
    ones for other reasons, one a period. A suspicion gets one as soon as it is answered. `last` is the last verdict on
    the instance: one on this very run is where the judgement goes on from.
    """

    def __init__(self, target: Target, last: Health | None) -> None:
        known = last if last is not None and last.run == target.run else None
        self._target = target
        self.started = known is not None and known.started
        self._startup = Tally(holds=self.started)
        self._readiness = Tally(holds=known is not None and known.ready)
        self._liveness = Tally(holds=known is None or not known.started or known.live)
        self._overdue = known is not None and not known.started and not known.live  # it did not start in its budget
        self.proven = target.liveness is None or (known is not None and known.ready)
        self.was_ready = known is not None and (
            known.ready or (known.started and target.startup is None and self.proven)
        )
        self._reason = known.reason if known else ""
        self._live_reason = known.live_reason if known else ""
        self._before = known.before or known.reason.replace(NOT_READY_YET, "") if known else ""
        self._probes = known.probes if known else 0
        self._took = known.took_seconds if known else None
        self._confirmed = known.confirmed if known else None
        self._since = known.since if known else None
        self._counted: float | None = None  # when a failure of liveness was counted last, while it is not proven
        self._failing = ""  # why the last probe of startup did not pass, where that speaks against the instance
        self._said: str | None = known.reason if known else None
        self._said_at: float | None = None
        self._suspected: datetime | None = None
        self._heard_at = 0.0  # when the suspicion was heard

    @property
    def roles(self) -> tuple[Role, ...]:
        """Which checks are to be probed now."""
        if not self.started:
            return ("readiness",) if self._target.startup is None else ("startup",)
        return ("readiness",) if self._target.liveness is None else ("readiness", "liveness")

    @property
    def suspected(self) -> float | None:
        """Since when there is a suspicion that is not answered."""
        return self._heard_at if self._suspected is not None else None

    def hear(  # noqa: PLR0913 - a probe's facts, by name
        self, role: Role, outcome: Outcome, *, began: float, at: float, now: datetime, seconds: float = 0.0
    ) -> Health | None:
        """The outcome of a probe from `began` to `at`; the verdict to record, if it is one."""
        if self._said_at is None:
            self._said_at = at
        before = self._standing()
        if not outcome.fault:
            self._count(role, outcome, seconds)
        match role:
            case "startup":
                self._hear_startup(outcome, now)
            case "readiness":
                self._hear_readiness(outcome)
            case "liveness":
                self._hear_liveness(outcome, began, now)
        self._become_ready()
        answers = role == "readiness" and outcome.passed and self._answer(began, now)
        if self._standing() != before:
            self._since = now
        elif not answers and not self._late(role, outcome, at):
            return None
        if role != "liveness" or not self.proven:
            self._said, self._said_at = (None if self._reason in {NOT_READY_YET, NOT_PROVEN_YET} else self._reason), at
        return self._verdict(now)

    def look(self, now: datetime) -> Health | None:
        """Time has passed; the verdict to record, if that is one."""
        before = self._standing()
        self._judge_budget(now)
        if self._standing() == before:
            return None
        self._since = now
        self._said = self._reason = self._failing
        return self._verdict(now)

    def suspect(self, since: datetime | None, at: float) -> bool:
        """A router suspects it since then, or (None) none does; whether that is news that a probe has to answer."""
        if since is not None and (
            (self._confirmed is not None and since <= self._confirmed)
            or (self._target.run is not None and since < self._target.run - CLOCKS_APART)
        ):
            since = None
        news = since is not None and since != self._suspected
        if news:
            self._heard_at = at
        self._suspected = since
        return news

    def _standing(self) -> tuple[bool, bool, bool]:
        """What every change of is a transition."""
        return self.started, self._readiness.holds and self.proven, self._liveness.holds and not self._overdue

    def _become_ready(self) -> None:
        """It is ready where readiness and the first pass of liveness have met."""
        if self._readiness.holds and self.proven:
            self.was_ready, self._reason = True, ""

    def _count(self, role: Role, outcome: Outcome, seconds: float) -> None:
        self._took = round(seconds, 6)
        if role != "liveness":
            self._probes += 1
            if outcome.failed:
                self._before = outcome.reason

    def _hear_startup(self, outcome: Outcome, now: datetime) -> None:
        self._failing = outcome.reason if outcome.failed else ""
        self._reason = outcome.reason or self._reason
        if outcome.speaks:
            self._startup = self._startup.after(outcome.passed, self._target.check("startup"))
        if self._startup.holds:
            self.started, self._overdue = True, False
            self._reason, self._live_reason = NOT_READY_YET, ""
        self._judge_budget(now)

    def _hear_readiness(self, outcome: Outcome) -> None:
        if outcome.speaks:
            self._readiness = self._readiness.after(outcome.passed, self._target.readiness)
        if self._readiness.holds:
            self.started = True
            if not self.proven and not self._reason.startswith(NOT_PROVEN_YET):
                self._reason = NOT_PROVEN_YET
        elif outcome.failed or not self.was_ready:
            self._reason = outcome.reason or self._reason

    def _hear_liveness(self, outcome: Outcome, began: float, now: datetime) -> None:
        if not self.proven:
            self.proven = outcome.passed
            if outcome.failed:
                self._before = outcome.reason
                if self._readiness.holds:
                    self._reason = f"{NOT_PROVEN_YET}: {outcome.reason}"
        if outcome.speaks and (outcome.passed or self._counts(began, now)):
            self._liveness = self._liveness.after(outcome.passed, self._target.check("liveness"))
        if self._liveness.holds:
            self._live_reason = ""
        elif outcome.failed:
            self._live_reason = outcome.reason

    def _counts(self, began: float, now: datetime) -> bool:
        """Whether a failure of liveness counts: not before its initial delay; until a pass, one a period."""
        check = self._target.check("liveness")
        if initial_delay(check, self._target.run, now) > 0:
            return False
        if not self.proven:
            if self._counted is not None and began - self._counted < check.period_seconds * SOONEST_PERIOD:
                return False
            self._counted = began
        return True

    def _judge_budget(self, now: datetime) -> None:
        """Not live is what has not started in time, where the last probe of it says so and none is passing."""
        check, run = self._target.startup, self._target.run
        if check is None or run is None or self.started or self._overdue or not self._failing:
            return
        seconds = budget(check)
        if now - run >= timedelta(seconds=seconds):
            self._overdue = True
            self._live_reason = f"did not start within {seconds:g} s: {self._failing}"

    def _answer(self, began: float, now: datetime) -> bool:
        """Whether a pass answers a suspicion: it was asked for after that was heard, and the instance is ready."""
        if self._suspected is None or began < self._heard_at or not (self._readiness.holds and self.proven):
            return False
        self._confirmed = max(now, self._suspected)
        self._suspected = None
        return True

    def _late(self, role: Role, outcome: Outcome, at: float) -> bool:
        """It should be up by now, and is not, for a reason that was not told yet."""
        if self.was_ready or outcome.passed or outcome.again is not None or (role == "liveness" and self.proven):
            return False
        if self._said_at is None or self._reason in {self._said, NOT_READY_YET, NOT_PROVEN_YET}:
            return False
        patience = NOT_YET_SECONDS if self._said is None else self._target.check(role).period_seconds
        return at - self._said_at >= patience

    def _verdict(self, now: datetime) -> Health:
        started, ready, live = self._standing()
        if self._since is None:
            self._since = now
        return Health(
            started=started,
            ready=ready,
            live=live,
            since=self._since,
            run=self._target.run,
            reason="" if ready else self._reason,
            live_reason="" if live else self._live_reason,
            probes=self._probes,
            before=self._before if ready else "",
            took_seconds=self._took,
            confirmed=self._confirmed,
        )
