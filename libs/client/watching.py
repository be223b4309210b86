"""Following a rollout: beside a call that waits for it, or from its release's own stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from libs.client.api.client import Client
from libs.client.api.errors import ClientError, ConnectionBroken, ControllerUnreachable, Unavailable
from libs.client.api.releases import Release
from libs.client.evidence import in_brief
from libs.client.pairs import parse_version

T = TypeVar("T")

LOOK_SECONDS = 1.0  # between two looks at what an app does
RECONNECTS = 10  # in a row, without any news
FIRST_PAUSE_SECONDS = 0.5  # before the first; doubled each time
LONGEST_PAUSE_SECONDS = 5.0


async def told_meanwhile(client: Client, app: str, work: Awaitable[T], say: Callable[[str], None]) -> T:
    """The result of `work`; until it is there, `say` is told what the app's rollout does. Errors: those of `work`."""
    result: list[T] = []
    failure: ClientError | None = None
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(_look(client, app, say))
        try:
            result.append(await work)
        except ClientError as error:  # a task group would wrap it
            failure = error
        looking.cancel()
    if failure:
        raise failure
    return result[0]


async def _look(client: Client, app: str, say: Callable[[str], None]) -> None:
    """Say what the app's rollout does, for ever; gives up at the first trouble, for this is only a comfort."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            rollout = (await client.apps.get(app)).rollout
        except ClientError:
            say("")
            return
        say(in_brief(rollout) if rollout else "")


async def under_way(client: Client, app: str) -> int:
    """The release that is on its way, else the latest."""
    rollout = (await client.apps.get(app)).rollout
    if rollout and rollout.release:
        return parse_version(rollout.release)
    return max(release.version for release in (await client.releases.list(app, 1)).results)


async def follow(
    client: Client,
    app: str,
    version: int,
    *,
    told: Callable[[Release], None],
    dropped: Callable[[str, float], None],
) -> Release:
    """The release once its rollout is settled; `told` gets it as it is now and at each change.

    A connection that drops is made again; `dropped` gets the reason and the seconds until then. After `RECONNECTS` in a
    row that brought no news it is given up: `ConnectionBroken`, `ControllerUnreachable` or `Unavailable`.
    """
    last: Release | None = None
    vain = 0
    while True:
        problem: ClientError
        try:
            async with aclosing(client.releases.follow(app, version)) as course:
                async for release in course:
                    if release != last:
                        last, vain = release, 0
                        told(release)
                    if release.settled:
                        return release
            problem = ConnectionBroken(client.connection.url, "the controller closed it", changed=False)
        except (ConnectionBroken, ControllerUnreachable, Unavailable) as error:
            problem = error
        if vain == RECONNECTS:
            raise problem
        pause = min(FIRST_PAUSE_SECONDS * 2**vain, LONGEST_PAUSE_SECONDS)
        vain += 1
        dropped(str(problem).partition("\n")[0].rstrip("."), pause)
        await asyncio.sleep(pause)
