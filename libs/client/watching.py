"""Following a rollout: by the call that began it, or from its release's own stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

from libs.client.api.apps import UnderWay
from libs.client.api.client import Client
from libs.client.api.errors import ClientError, ConnectionBroken, ControllerUnreachable, Unavailable
from libs.client.api.following import Following, LogLine, Lost, Told
from libs.client.api.releases import Release
from libs.client.evidence import in_brief
from libs.client.logs import coloured
from libs.client.pairs import parse_version
from libs.client.screen import Ending, Screen

T = TypeVar("T")

LOOK_SECONDS = 1.0  # between two looks at what an app does
RECONNECTS = 10  # in a row, without any news
FIRST_PAUSE_SECONDS = 0.5  # before the first; doubled each time
LONGEST_PAUSE_SECONDS = 5.0


class Heard:
    """What is heard of a change that is followed, on its way to the screen."""

    def __init__(self, app: str, ending: Ending, screen: Screen) -> None:
        self._app, self._ending, self._screen = app, ending, screen
        self.anything = False

    def told(self, news: Told) -> None:
        """The controller told this."""
        self.anything = True
        match news:
            case Release():
                brief = UnderWay(release=f"v{news.version}", phase=news.phase or "", waiting=news.waiting)
                self._ending.meanwhile = "" if news.settled else in_brief(brief)
            case LogLine():
                line = f"{news.at[:19]}UTC {self._app}[{news.instance}]: {news.line}"
                self._ending.above(coloured(line, self._screen))
            case Lost():
                self._ending.above(f"({news.lines} lines were left out: see `deis logs -a {self._app}`)")

    async def look(self, client: Client) -> None:
        """Ask what the app's rollout does, as long as nothing is heard: an older controller tells nothing by itself.

        It gives up at the first trouble, for this is only a comfort.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.anything:
                return
            try:
                rollout = (await client.apps.get(self._app)).rollout
            except ClientError:
                rollout = None
                self.anything = True
            self._ending.meanwhile = in_brief(rollout) if rollout else ""


async def follow_change(client: Client, question: Callable[[Client], Awaitable[T]], heard: Heard, *, logs: bool) -> T:
    """The answer to a change; until it is there the screen tells what the rollout does, and with `logs` its output.

    Errors: those of `question`.
    """
    result: list[T] = []
    failure: ClientError | None = None
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(heard.look(client))
        try:
            result.append(await question(Client(Following(client.connection, heard.told, output=logs))))
        except ClientError as error:  # a task group would wrap it
            failure = error
        looking.cancel()
    if failure:
        raise failure
    return result[0]


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


class Watcher(Protocol):
    """Who is told of an app's releases."""

    def told(self, release: Release) -> None:
        """One is like this now."""
        ...

    def dropped(self, why: str, pause: float) -> None:
        """The connection dropped; so many seconds until the next."""
        ...

    def ended(self, release: Release) -> None:
        """One has settled, and another follows."""
        ...


async def follow_app(client: Client, app: str, watcher: Watcher, *, forever: bool) -> Release:
    """The newest release that was followed, once the app does nothing more; `forever` waits for what it does next.

    A release that fails leads back to an earlier one, which is followed too, and changes nothing of what is returned.
    """
    newest: Release | None = None
    last: Release | None = None
    while True:
        version = await under_way(client, app)
        release = await follow(client, app, version, told=watcher.told, dropped=watcher.dropped)
        newest = release if newest is None or release.version >= newest.version else newest
        present = await client.apps.get(app)
        if present.rollout is None and not forever:
            if release is not newest:
                watcher.ended(release)
            return newest
        if release != last:
            watcher.ended(release)
        last = release
        if present.rollout is None or present.rollout.release == f"v{version}":
            await _until_it_moves(client, app, present.updated, watcher)


async def _until_it_moves(client: Client, app: str, updated: str, watcher: Watcher) -> None:
    """Return once the app has something else to do than at `updated`."""
    vain = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            present = await client.apps.get(app)
        except (ConnectionBroken, ControllerUnreachable, Unavailable) as error:
            if not vain:
                watcher.dropped(str(error).partition("\n")[0].rstrip("."), LOOK_SECONDS)
            vain += 1
            continue
        vain = 0
        if present.rollout is not None or present.updated != updated:
            return
