"""What one run of an instance has shown so far, and when that is worth a verdict. No I/O, and any steady clock."""

from __future__ import annotations

from datetime import datetime

from libs.keyspace.records import Health
from services.health_checker.probe import Outcome
from services.health_checker.target import Target
from services.health_checker.thresholds import Tally

NOT_YET_SECONDS = 2.0  # a run that has failed for so long since its first probe gets a verdict that says why


class Judgement:
    """Hears outcomes and answers with a verdict on a transition only.

    A run that does not come up gets one verdict with its reason, and further ones for other reasons, one a period.
    `last` is the last verdict on the instance: one on this very run is where the judgement goes on from.
    """

    def __init__(self, target: Target, last: Health | None) -> None:
        known = last if last is not None and last.run == target.run else None
        self._target = target
        self._tally = Tally(started=known.started, ready=known.ready) if known else Tally()
        self._said: str | None = known.reason if known else None
        self._said_at = 0.0
        self._first: float | None = None

    @property
    def started(self) -> bool:
        """The run was ready once."""
        return self._tally.started

    def hear(self, outcome: Outcome, *, at: float, now: datetime) -> Health | None:
        """One more outcome of `at`; the verdict to record, if it is one."""
        if self._first is None:
            self._first = self._said_at = at
        before = self._tally
        if not outcome.fault:
            self._tally = before.after(outcome.passed, self._target.check)
        if self._tally.ready is before.ready and not self._late(outcome, at):
            return None
        self._said, self._said_at = outcome.reason, at
        return Health(
            started=self._tally.started,
            ready=self._tally.ready,
            live=True,
            since=now,
            run=self._target.run,
            reason=outcome.reason,
        )

    def _late(self, outcome: Outcome, at: float) -> bool:
        """It should be up by now, and is not, for a reason that was not told yet."""
        if self._tally.started or outcome.passed or outcome.again is not None or outcome.reason == self._said:
            return False
        patience = NOT_YET_SECONDS if self._said is None else self._target.check.period_seconds
        return at - self._said_at >= patience
