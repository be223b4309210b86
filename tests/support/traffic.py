"""Requests that flow through the router while something happens to the platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

PAUSE = 0.005  # seconds between two requests of one client


@dataclass
class Traffic:
    """Keep-alive clients that ask one URL again and again; what failed is kept with its reason."""

    port: int
    host: str
    path: str = "/"
    clients: int = 8
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _answer: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[Traffic]:
        """Requests flow while the body runs; before it begins each client was answered once."""
        async with (
            aiohttp.ClientSession(
                f"http://127.0.0.1:{self.port}",
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=30),
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            tasks = [group.create_task(self._ask(session)) for _ in range(self.clients)]
            try:
                await self.more(self.clients)
                yield self
                await self.more(self.clients)
            finally:
                for task in tasks:
                    task.cancel()

    async def more(self, count: int) -> None:
        """Wait until this many more requests were answered or failed."""
        wanted = self.answered + len(self.failures) + count
        async with asyncio.timeout(60), self._answer:
            await self._answer.wait_for(lambda: self.answered + len(self.failures) >= wanted)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with session.get(self.path, headers={"Host": self.host}) as answer:
                    body = await answer.text()
                    failure = "" if answer.status == 200 else f"{answer.status} {body[:80]!r}"
            except (aiohttp.ClientError, TimeoutError) as error:
                failure = f"{type(error).__name__}: {error}"
            async with self._answer:
                if failure:
                    self.failures.append(failure)
                else:
                    self.answered += 1
                self._answer.notify_all()
            await asyncio.sleep(PAUSE)
