"""What the users of apps saw, as their crowd reports it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.crowd.party import Party, Report

ROOT = Path(__file__).parents[3]
LINE_LIMIT = 1 << 20


@dataclass
class Users:
    """What the users of one app saw so far."""

    app: str
    answered: int = 0
    by: Counter[str] = field(default_factory=Counter)  # release@address
    failures: list[Report] = field(default_factory=list)
    closings: list[Report] = field(default_factory=list)  # of WebSockets
    echoes: int = 0
    open: int = 0  # WebSockets
    slowest: float = 0.0
    began: float = 0.0
    until: float = 0.0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, report: Report) -> None:
        """Take in a report."""
        async with self._news:
            match report.kind:
                case "answered":
                    self.by.update(report.well or {})
                    self.answered += sum((report.well or {}).values())
                    self.echoes += report.echoes
                    self.open = report.open
                    self.slowest = max(self.slowest, report.slowest)
                case "failed":
                    self.failures.append(report)
                case "closed":
                    self.closings.append(report)
            self.began = self.began or report.at
            self.until = report.at
            self._news.notify_all()

    async def more(self, count: int) -> None:
        """Wait until this many more requests were answered or failed."""
        wanted = self.answered + len(self.failures) + count
        await self._until(lambda: self.answered + len(self.failures) >= wanted)

    async def talking(self, websockets: int) -> None:
        """Wait until so many WebSockets are open."""
        await self._until(lambda: self.open >= websockets)

    async def answered_by(self, place: str, *, more: int = 1) -> None:
        """Wait until a release or an address, as `v2` or `@10.1.2.3`, has answered so many more requests."""
        wanted = self.answers_of(place) + more
        await self._until(lambda: self.answers_of(place) >= wanted)

    def answers_of(self, place: str) -> int:
        """How many requests a release or an address has answered."""
        at = place.startswith("@")
        return sum(
            count
            for where, count in self.by.items()
            if (where.endswith(place) if at else where.startswith(f"{place}@"))
        )

    @property
    def words(self) -> str:
        """A line for people."""
        seconds = max(self.until - self.began, 0.001)
        return (
            f"{self.app}: {self.answered} answered ({self.answered / seconds:.0f}/s, slowest {self.slowest:.2f} s), "
            f"{len(self.failures)} failed, {self.echoes} echoes ({self.echoes / seconds:.0f}/s), "
            f"{len(self.closings)} WebSockets closed"
        )

    async def _until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(90), self._news:
            await self._news.wait_for(fact)


@asynccontextmanager
async def crowd(port: int, *parties: Party) -> AsyncIterator[dict[str, Users]]:
    """What the users of each app see while the body runs; all have been answered before it begins."""
    users = {party.app: Users(party.app) for party in parties}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.crowd", str(port), *(party.to_json() for party in parties)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = process.stdout

    async def listen() -> None:
        while line := await lines.readline():
            report = Report.parse(line)
            await users[report.app].take(report)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            for party in parties:
                await users[party.app].more(party.keeping + party.fresh)
                await users[party.app].talking(party.websockets)
            try:
                yield users
            finally:
                process.stdin.close()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
