"""The algebra of a check: outcomes of probes in, a state that changes only at thresholds out. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace

from libs.keyspace.records import Check


@dataclass(frozen=True, slots=True)
class Tally:
    """Where an instance stands in one run: `started` once it was ready for the first time, and then for the whole run.

    `passes` and `failures` count outcomes in a row that speak against the present state; one that agrees clears them.
    """

    started: bool = False
    ready: bool = False
    passes: int = 0
    failures: int = 0

    def after(self, passed: bool, check: Check) -> Tally:
        """The state after one more outcome."""
        if passed == self.ready:
            return replace(self, passes=0, failures=0)
        if passed:
            passes = self.passes + 1
            if passes < check.success_threshold:
                return replace(self, passes=passes, failures=0)
            return Tally(started=True, ready=True)
        failures = self.failures + 1
        if failures < check.failure_threshold:
            return replace(self, failures=failures, passes=0)
        return Tally(started=self.started, ready=False)
