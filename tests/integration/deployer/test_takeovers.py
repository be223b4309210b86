"""A deployer that is killed after each single step of its executor: its successor ends the rollout as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from libs.keyspace import records as r
from services.controller.deployer.executor import Executor
from services.controller.deployer.notes import Notes
from services.controller.deployer.steps import Step
from services.controller.deployer.view import View
from tests.support.deployer.platform import MemoryPlatform
from tests.support.waiting import eventually


class Killer:
    """Lets executors take so many steps more, then none: as dead as can be until the test has ended the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.taken: set[str] = set()
        take = Executor.take

        async def one_by_one(
            executor: Executor, view: View, steps: tuple[Step, ...], notes: Notes, group: asyncio.TaskGroup
        ) -> None:
            for step in steps:
                if self.left == 0:
                    await asyncio.Event().wait()
                if self.left is not None:
                    self.left -= 1
                    self.taken.add(type(step).__name__)
                await take(executor, view, (step,), notes, group)

        monkeypatch.setattr(Executor, "take", one_by_one)


Change = Callable[[MemoryPlatform, r.App, Killer], Awaitable[None]]


async def deploy(platform: MemoryPlatform, app: r.App, _: Killer) -> None:
    await platform.deploy(app, "shop")


async def deploy_what_crashes(platform: MemoryPlatform, app: r.App, _: Killer) -> None:
    await platform.deploy(app, "broken")


async def deploy_and_cancel(platform: MemoryPlatform, app: r.App, killer: Killer) -> None:
    """Cancelled once an instance of it is there, if the deployer lives for so long; until then it cannot be done."""
    present = await platform.app(app)
    before, number = present.release, present.latest + 1
    platform.agents.passes = lambda instance: instance.identity.release != number or instance.identity.number == 1
    await platform.deploy(app, "shop")
    await eventually(lambda: _has_begun(platform, killer, number))
    await platform.change(app, release=before, cancelled=r.Cancelled(release=number, by="ann", at=app.created))


async def _has_begun(platform: MemoryPlatform, killer: Killer, number: int) -> bool:
    return killer.left == 0 or any(i.identity.release == number for i in await platform.there())


@pytest.mark.parametrize("surge", [None, "0"])
@pytest.mark.parametrize(
    ("change", "phase", "steps"),
    [
        (deploy, "done", {"ResolveImage", "Start", "Retire", "Stop", "Remove", "Forget", "WriteRollout"}),
        (deploy_what_crashes, "failed", {"Start", "Fail", "FlipBack", "Remove", "Forget", "WriteRollout"}),
        (deploy_and_cancel, "cancelled", {"Start", "Retire", "Stop", "Remove", "Forget", "WriteRollout"}),
    ],
)
async def test_a_deployer_that_dies_after_any_step_has_a_successor_that_ends_the_rollout(
    quiet: MemoryPlatform,
    monkeypatch: pytest.MonkeyPatch,
    *,
    surge: str | None,
    change: Change,
    phase: str,
    steps: set[str],
) -> None:
    killer = Killer(monkeypatch)
    quiet.memory.add_image("broken", behaviour="crash")
    app = await quiet.create()
    await quiet.change(app, settings=r.AppSettings(surge=surge, stop_grace_seconds=0))
    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 2})
    after, struck = 0, True
    while struck:
        after += 1
        before = await quiet.app(app)
        number = before.latest + 1
        async with quiet.deploying():
            killer.left = after
            await change(quiet, app, killer)
            await eventually(partial(_struck_or_at_rest, quiet, killer, app, number), what=f"{after} steps, or all")
            struck = killer.left == 0
        killer.left = None
        async with quiet.deploying():
            await eventually(partial(_settled, quiet, app, number), what=f"v{number} settles after {after} steps")
            runs = number if phase == "done" else before.release
            await quiet.only(f"v{runs} cmd.1", f"v{runs} cmd.2")
            await eventually(lambda: _none_retires(quiet))
            over = await quiet.rollout(app, number)
            if over is None:
                assert phase == "cancelled"  # before anything of it was written
            else:
                assert over.phase == phase, (after, over)
            assert (await quiet.app(app)).release == runs
    assert steps <= killer.taken


async def _struck_or_at_rest(platform: MemoryPlatform, killer: Killer, app: r.App, number: int) -> bool:
    return killer.left == 0 or (await _settled(platform, app, number) and await _none_retires(platform))


async def _settled(platform: MemoryPlatform, app: r.App, number: int) -> bool:
    """The rollout is over, and so is that of the release that is wanted now."""
    wanted = await platform.apps.get(app.id)
    assert wanted is not None
    over = await platform.rollout(app, number)
    present = await platform.rollout(app, wanted.document.release)
    if over is not None and not over.settled:
        return False
    return present is not None and present.settled and present.intent >= wanted.revision


async def _none_retires(platform: MemoryPlatform) -> bool:
    return not await platform.retiring()
