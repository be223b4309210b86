from __future__ import annotations

import asyncio

import pytest

from libs.daemon import LoopEnded, keep_running, supervise


class Expected(Exception):
    pass


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_task_that_returns_is_an_error_with_its_name() -> None:
    async def returns() -> None:
        return None

    with pytest.raises(ExceptionGroup) as caught:
        async with supervise(publish_services=returns(), other=forever()):
            await forever()
    (ended,) = caught.value.exceptions
    assert isinstance(ended, LoopEnded)
    assert ended.name == "publish_services"


async def test_leaving_cancels_every_task() -> None:
    cancelled = []

    async def work(name: str) -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    async with supervise(one=work("one"), two=work("two")):
        await asyncio.sleep(0)
    assert sorted(cancelled) == ["one", "two"]


async def test_a_failing_task_ends_the_body() -> None:
    async def fails() -> None:
        raise Expected("gone")

    with pytest.raises(ExceptionGroup) as caught:
        async with supervise(fails=fails()):
            await forever()
    assert isinstance(caught.value.exceptions[0], Expected)


async def test_tasks_carry_the_names_they_were_given() -> None:
    async with supervise(publish_services=forever()):
        assert "publish_services" in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_stream_that_breaks_is_opened_again() -> None:
    attempts = 0
    enough = asyncio.Event()

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            enough.set()
        raise Expected("cut")

    async with supervise(watch=keep_running("watch", attempt, expected=(Expected,))), asyncio.timeout(10):
        await enough.wait()
    assert attempts == 3


async def test_an_unexpected_failure_of_a_stream_is_not_swallowed() -> None:
    async def attempt() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await keep_running("watch", attempt, expected=(Expected,))
