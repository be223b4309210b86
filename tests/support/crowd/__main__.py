"""`python -m tests.support.crowd PORT PARTY…`: parties of users until standard input ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

import uvloop

from tests.support.crowd.party import Party, Report
from tests.support.crowd.people import People

EVERY = 0.1  # seconds between two counts


async def crowd(port: int, parties: list[Party], tell: Callable[[Report], None]) -> None:
    """All parties until standard input ends; each finishes what it has begun."""
    over = asyncio.Event()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    groups = [People(party, port, tell, over) for party in parties]
    async with asyncio.TaskGroup() as tasks:
        for people in groups:
            people.join(tasks)
        counting = tasks.create_task(keep_counting(groups, tell))
        await reader.read()
        over.set()
        counting.cancel()
    for people in groups:
        tell(people.count())


async def keep_counting(groups: list[People], tell: Callable[[Report], None]) -> None:
    """Tell what went well, ten times a second."""
    while True:
        await asyncio.sleep(EVERY)
        for people in groups:
            tell(people.count())


def main() -> None:
    """Run it."""
    port, *parties = sys.argv[1:]

    def tell(report: Report) -> None:
        sys.stdout.write(report.line() + "\n")
        sys.stdout.flush()

    uvloop.run(crowd(int(port), [Party(**json.loads(one)) for one in parties], tell))


main()
