"""The course of one run of an instance: its probes, each when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from libs.keyspace.document import now
from libs.keyspace.records import Health
from services.health_checker import pace
from services.health_checker.judgement import Judgement
from services.health_checker.prober import Probed, Prober
from services.health_checker.target import Role, Target

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Course:
    """Probes a target from `begin` to `end` and tells the verdicts.

    Between probes it is a timer for each check and no task. Of one check there is at most one probe at a time.
    """

    __slots__ = ("_first", "_judgement", "_prober", "_spawn", "_tasks", "_tell", "_timers", "_wall", "target")

    def __init__(  # noqa: PLR0913 - what it needs, by name
        self,
        target: Target,
        last: Health | None,
        *,
        prober: Prober,
        spawn: Spawn,
        tell: Callable[[Health], None],
        wall: Callable[[], datetime] = now,
    ) -> None:
        self.target = target
        self._judgement = Judgement(target, last)
        self._prober = prober
        self._spawn = spawn
        self._tell = tell
        self._wall = wall
        self._timers: dict[Role | None, asyncio.TimerHandle] = {}  # None: the end of the startup check's budget
        self._tasks: dict[Role, asyncio.Task[None]] = {}
        self._first: dict[Role, float] = {}  # when the first probe began

    def begin(self) -> None:
        """Begin."""
        startup, run = self.target.startup, self.target.run
        if startup is not None and run is not None and not self._judgement.started:
            left = run + timedelta(seconds=pace.budget(startup)) - self._wall()
            self._arm(None, self._clock() + max(left.total_seconds(), 0.0))
        self._arrange()

    def end(self) -> None:
        """Stop; no more verdict comes."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks.values():
            task.cancel()
        self._timers.clear()

    def suspect(self, since: datetime | None) -> None:
        """A router suspects the instance since then, or (None) none does: news are answered at once."""
        if self._judgement.suspect(since, self._clock()) and "readiness" in self._timers:
            self._arm("readiness", self._clock())

    def _arrange(self) -> None:
        """Have every check that is to be probed now either armed or under way."""
        for role in self._judgement.roles:
            if role not in self._timers and role not in self._tasks:
                check = self.target.check(role)
                if self._is_waited_for(role):
                    delay = 0.0 if role == "liveness" else pace.initial_delay(check, self.target.run, self._wall())
                else:
                    delay = max(pace.spread(check), pace.initial_delay(check, self.target.run, self._wall()))
                self._arm(role, self._clock() + delay)

    def _is_waited_for(self, role: Role) -> bool:
        """Someone waits for its outcome: a rollout, or a router."""
        if role == "liveness":
            return not self._judgement.proven
        return not self._judgement.was_ready or self._judgement.suspected is not None

    def _arm(self, role: Role | None, due: float) -> None:
        if role in self._timers:
            self._timers[role].cancel()
        self._timers[role] = asyncio.get_running_loop().call_at(due, self._due, role)

    def _due(self, role: Role | None) -> None:
        del self._timers[role]
        if role is not None:
            self._tasks[role] = self._spawn(self._probe(role), f"probe {self.target.name}")
        elif (verdict := self._judgement.look(self._wall())) is not None:
            self._tell(verdict)

    async def _probe(self, role: Role) -> None:
        try:
            probed = await self._prober.probe(self.target, self.target.check(role))
        finally:
            del self._tasks[role]
        self._first.setdefault(role, probed.began)
        verdict = self._judgement.hear(
            role, probed.outcome, began=probed.began, at=self._clock(), now=self._wall(), seconds=probed.seconds
        )
        if verdict is not None:
            self._tell(verdict)
        if role in self._judgement.roles:
            self._arm(role, self._next(role, probed))
        self._arrange()

    def _next(self, role: Role, probed: Probed) -> float:
        """When this check is due again."""
        check, judgement, began = self.target.check(role), self._judgement, probed.began
        if role == "readiness" and judgement.suspected is not None:
            heard = judgement.suspected
            due = heard if began < heard else pace.suspected(check, first=heard, began=began)
        elif role == "startup" or (role == "readiness" and not judgement.was_ready) or not judgement.proven:
            due = pace.coming_up(check, first=self._first[role], began=began)
        else:
            due = pace.in_period(check, began=began)
        least = pace.FAULT_PAUSE if probed.outcome.fault else probed.outcome.again or 0.0
        return max(due, self._clock() + least)

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()
