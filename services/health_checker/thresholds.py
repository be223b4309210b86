"""The algebra of a check: outcomes of probes in, a state that changes only at thresholds out. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace

from libs.keyspace.records import Check


@dataclass(frozen=True, slots=True)
class Tally:
    """Where one check of an instance stands: whether it holds.

    `passes` and `failures` count outcomes in a row that speak against the present state; one that agrees clears them.
    """

    holds: bool = False
    passes: int = 0
    failures: int = 0

    def after(self, passed: bool, check: Check) -> Tally:
        """The state after one more outcome."""
        if passed == self.holds:
            return replace(self, passes=0, failures=0)
        if passed:
            passes = self.passes + 1
            return Tally(holds=True) if passes >= check.success_threshold else replace(self, passes=passes, failures=0)
        failures = self.failures + 1
        return Tally() if failures >= check.failure_threshold else replace(self, failures=failures, passes=0)
