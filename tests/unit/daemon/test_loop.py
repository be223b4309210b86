from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from libs.daemon import Loop


class Expected(Exception):
    pass


@asynccontextmanager
async def running(loop: Loop) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(loop.run())
        try:
            yield
        finally:
            task.cancel()


class Counted:
    """A body that counts its runs and can be told to fail."""

    def __init__(self) -> None:
        self.runs = 0
        self.fail: Exception | None = None
        self.ran = asyncio.Condition()

    async def __call__(self) -> None:
        async with self.ran:
            self.runs += 1
            self.ran.notify_all()
        if self.fail:
            raise self.fail

    async def reaches(self, runs: int) -> None:
        async with asyncio.timeout(10), self.ran:
            await self.ran.wait_for(lambda: self.runs >= runs)


async def test_a_loop_looks_at_once_and_again_when_woken() -> None:
    body = Counted()
    loop = Loop("keep_it", body, every=3600)
    async with running(loop):
        await body.reaches(1)
        loop.wake()
        await body.reaches(2)
    assert loop.status.result == "ok"
    assert loop.status.woken_by == "change"


async def test_a_loop_looks_again_by_itself() -> None:
    body = Counted()
    async with running(Loop("keep_it", body, every=0.01)):
        await body.reaches(3)


async def test_wake_ups_before_a_look_are_one() -> None:
    body = Counted()
    loop = Loop("keep_it", body, every=3600)
    async with running(loop):
        await body.reaches(1)
        for _ in range(100):
            loop.wake()
        await body.reaches(2)
        await asyncio.sleep(0)
    assert body.runs == 2


async def test_a_wake_up_during_a_look_makes_another_look() -> None:
    looked = 0

    async def body() -> None:
        nonlocal looked
        looked += 1
        if looked == 1:
            loop.wake()
        else:
            done.set()

    done = asyncio.Event()
    loop = Loop("keep_it", body, every=3600)
    async with running(loop), asyncio.timeout(10):
        await done.wait()
    assert looked == 2


async def test_an_expected_failure_is_tried_again_and_told() -> None:
    body = Counted()
    body.fail = Expected("not now")
    loop = Loop("keep_it", body, every=3600, expected=(Expected,))
    async with running(loop):
        await body.reaches(3)
        assert loop.status.failures >= 2
        assert loop.status.result == "Expected: not now"
        body.fail = None
        runs = body.runs
        loop.wake()
        await body.reaches(runs + 1)
        await asyncio.sleep(0)
        assert loop.status.failures == 0


async def test_an_unexpected_failure_ends_the_loop() -> None:
    body = Counted()
    body.fail = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await Loop("keep_it", body, every=3600, expected=(Expected,)).run()
