"""What an open stream said, compared with what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from libs.engine import EngineUnavailable, LogPiece
from services.log_agent import watching as watching_module
from services.log_agent.watching import APART, EVERY, LATE, MARGIN, RARELY, SECOND, SOON, Question, Seam, Watch, compare

BEGIN = 1_700_000_000_000_000_000


class Clock:
    def __init__(self) -> None:
        self.at = BEGIN

    def __call__(self) -> int:
        return self.at


class Stored:
    """An engine that stores pieces of these times."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = times
        self.asked: list[int | None] = []

    def began(self) -> None:
        return None

    @asynccontextmanager
    async def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[AsyncIterator[LogPiece]]:
        assert (name, follow) == ("shop", False)
        self.asked.append(tail)
        yield self.give(self.times if tail is None else self.times[-tail:], since)

    async def give(self, last: Sequence[int], since: int) -> AsyncIterator[LogPiece]:
        for at in last:
            if at >= since:
                yield LogPiece(at, "stdout", b"x\n")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watching(clock: Clock, *times: int) -> Watch:
    watch = Watch(clock)
    watch.begins()
    for at in times:
        watch.saw(at)
    return watch


def at(*milliseconds: int) -> list[int]:
    return [BEGIN + one * 1_000_000 for one in milliseconds]


async def test_what_is_stored_between_two_pieces_of_the_stream_was_passed_over(clock: Clock) -> None:
    question = watching(clock, *at(0, 1, 500, 501, 900)).ask()
    found = await compare(question, Stored(at(0, 1, 500, 501, 700, 900)), "shop", clock)
    assert found.torn == {Seam(*at(501, 900))}


async def test_a_stream_that_says_what_is_stored_is_left_alone(clock: Clock) -> None:
    times = at(0, 1, 500, 501, 900)
    watch = watching(clock, *times)
    found = await compare(watch.ask(), Stored(times), "shop", clock)
    assert not found.torn
    assert not found.lags
    assert not watch.doubtful


async def test_pieces_that_no_file_fits_between_are_not_asked_for(clock: Clock) -> None:
    question = watching(clock, *(BEGIN + n * APART for n in range(1000))).ask()
    assert not question.seams
    assert question.since == question.last


async def test_what_was_rotated_away_since_counts_as_passed_over(clock: Clock) -> None:
    question = watching(clock, *at(0, 500, 501)).ask()
    found = await compare(question, Stored(at(501, 502)), "shop", clock)
    assert found.torn == {Seam(*at(0, 500))}


async def test_an_instance_that_is_gone_is_not_said_to_have_been_passed_over(clock: Clock) -> None:
    question = watching(clock, *at(0, 500, 501)).ask()
    found = await compare(question, Stored([]), "shop", clock)
    assert not found.torn
    assert not found.lags


@pytest.mark.parametrize(("age", "lags"), [(LATE + 1, True), (LATE // 2, False)])
async def test_what_is_stored_for_a_while_and_not_said_tells_a_stream_that_lags(
    clock: Clock, age: int, lags: bool
) -> None:
    question = watching(clock, *at(0, 1)).ask()
    clock.at = at(2)[0] + age
    found = await compare(question, Stored(at(0, 1, 2)), "shop", clock)
    assert found.lags is lags


async def test_where_much_was_stored_meanwhile_all_of_it_is_asked_for(clock: Clock) -> None:
    question = watching(clock, *at(0, 500)).ask()
    engine = Stored([*at(0, 500), *(at(500)[0] + 1 + n for n in range(MARGIN + 10))])
    found = await compare(question, engine, "shop", clock)
    assert engine.asked == [question.tail, None]
    assert not found.torn


async def test_an_engine_that_does_not_answer_is_asked_the_same_again(clock: Clock) -> None:
    watch = watching(clock, *at(0, 500))
    question = watch.ask()
    watch.again(question)
    watch.saw(at(900)[0])
    assert list(watch.ask().seams) == [Seam(*at(0, 500)), Seam(*at(500, 900))]


async def test_an_engine_that_gives_nothing_for_long_is_not_waited_for(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Stored):
        async def give(self, last: Sequence[int], since: int) -> AsyncIterator[LogPiece]:
            await asyncio.Event().wait()
            async for piece in super().give(last, since):
                yield piece

    monkeypatch.setattr(watching_module, "PATIENCE", 0.01)
    with pytest.raises(EngineUnavailable, match="output of shop"):
        await compare(Question((), BEGIN, BEGIN, MARGIN), Silent([]), "shop", clock)


def test_between_two_openings_is_no_seam(clock: Clock) -> None:
    watch = watching(clock, *at(0, 1))
    watch.ends()
    watch.begins()
    watch.saw(at(900)[0])
    assert not watch.doubtful


def test_it_is_time_soon_after_an_opening_and_then_the_more_rarely_the_longer_it_is_silent(clock: Clock) -> None:
    watch = watching(clock, BEGIN)
    assert not watch.due()
    clock.at += SOON
    assert watch.due()
    waited = []
    for _ in range(6):
        began = clock.at
        while not watch.due():
            clock.at += SECOND
        waited.append(clock.at - began)
    assert waited == sorted(waited)
    assert waited[0] == EVERY
    assert waited[-1] == RARELY
    watch.saw(clock.at)
    clock.at += RARELY
    assert watch.due()
    clock.at += EVERY
    assert watch.due()


async def test_one_that_says_nothing_after_it_was_opened_lags_where_something_is_stored(clock: Clock) -> None:
    watch = watching(clock, *at(0, 1))
    watch.ends()
    watch.begins()
    clock.at += 2 * LATE
    assert watch.due()
    question = watch.ask()
    found = await compare(question, Stored(at(2)), "shop", clock)
    assert found.lags
    assert watch.stands(question)


def test_a_closed_stream_is_not_compared(clock: Clock) -> None:
    watch = watching(clock, BEGIN)
    watch.ends()
    clock.at += RARELY
    assert not watch.due()
    assert not watch.stands(watch.ask())
