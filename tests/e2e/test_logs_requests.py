"""An app that says a line a request: each is shown once to who follows, whatever of the control plane is killed."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import pytest

from tests.support.platform import Platform
from tests.support.tails import following
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

CONTROL = ("controller", "logger", "log_agent")  # a process in the layout of one machine
CLIENTS = 4
PAUSE = 0.03  # seconds between two requests of a client: the test is not about speed
NUMBER = re.compile(r"GET /\?n=(\d+) ")


def numbers(lines: Iterable[str]) -> Counter[int]:
    """Of the requests that lines tell of."""
    return Counter(int(found[1]) for line in lines if (found := NUMBER.search(line)))


@asynccontextmanager
async def numbered_requests(platform: Platform, app: str) -> AsyncIterator[Counter[int]]:
    """Requests that carry their number, through the router, while the body runs; those that were answered."""
    answered: Counter[int] = Counter()
    sequence = count(1)

    async def ask(session: aiohttp.ClientSession) -> None:
        while not over.is_set():
            number = next(sequence)
            async with session.get(f"/?n={number}", headers={"Host": platform.host(app)}) as answer:
                await answer.read()
                answered[number] += answer.status == 200
            await asyncio.sleep(PAUSE)

    over = asyncio.Event()
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{platform.settings.router_http_port}") as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(CLIENTS):
            group.create_task(ask(session))
        try:
            yield answered
        finally:
            over.set()


async def test_each_request_is_shown_once_to_a_follower_while_the_control_plane_and_etcd_are_killed(
    deis_platform: Platform, app: str
) -> None:
    async with following(deis_platform, app, "-n", "10", "--ps", "cmd") as tail:
        await tail.shows("listening on port")
        async with numbered_requests(deis_platform, app) as answered:
            for programs in (CONTROL, ("etcd",), CONTROL, (*CONTROL, "etcd")):
                await tail.more(100, "GET /?n=")
                await deis_platform.kill(*programs)
            await tail.more(100, "GET /?n=")
        in_the_engine: Counter[int] = Counter()
        for container in await deis_platform.containers(app):
            in_the_engine += numbers((await deis_platform.docker("logs", container)).splitlines())
        assert in_the_engine == answered
        await eventually(
            lambda: sum(numbers(tail.lines).values()) >= len(in_the_engine), within=60, what="the last line"
        )
        assert numbers(tail.lines) == in_the_engine
        assert not [line for line in tail.lines if "missing here" in line]
    await deis_platform.local("up")
    await deis_platform.ready()
