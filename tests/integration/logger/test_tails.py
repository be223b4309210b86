"""Log tails: a real client, the real logger and its agent, over a real etcd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from libs.loglines.token import header
from tests.integration.logger.reader import Reader, TailWorld, tail_world
from tests.integration.logger.world import numbers
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

ALL = 100_000


@pytest.fixture
async def world(own_etcd: EtcdServer, tmp_path: Path) -> AsyncIterator[TailWorld]:
    async with tail_world(own_etcd, tmp_path) as made:
        yield made


async def test_who_comes_while_lines_flow_gets_what_was_and_what_comes_each_once(world: TailWorld) -> None:
    async with world.logger(), world.agent(), AsyncExitStack() as stack:
        web, worker = await world.start("a1"), await world.start("b2", number=2)
        await world.url()
        readers: list[Reader] = []
        for part in range(10):
            world.say(web, *numbers(part * 200, part * 200 + 200))
            world.say(worker, *numbers(10_000 + part * 200, 10_000 + part * 200 + 200))
            readers.append(await stack.enter_async_context(world.tail(ALL)))
        for reader in readers:
            await reader.counts(4000)
            for process, first in (("web.1", 0), ("web.2", 10_000)):
                told = [line for line, by in zip(reader.lines, reader.processes, strict=True) if by == process]
                assert told == numbers(first, first + 2000)
            assert reader.missed == []


async def test_the_last_lines_come_first_and_then_live(world: TailWorld) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 50))
        await world.has(numbers(0, 50))
        async with world.tail(10) as reader, world.tail() as other:
            await reader.live()
            assert reader.lines == numbers(40, 50)
            await other.live()
            assert other.lines == []
            world.say(web, "new")
            await reader.has([*numbers(40, 50), "new"])
            await other.has(["new"])


async def test_filters_choose_what_was_and_what_comes(world: TailWorld) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, "GET / 200", "timeout in db", "GET /a 200")
        await world.has(["GET / 200", "timeout in db", "GET /a 200"])
        async with (
            world.tail(10, {"grep": "time.ut"}) as slow,
            world.tail(10, {"process": "worker"}) as none,
            world.tail(10, {"process": "web", "release": "v3"}) as every,
        ):
            world.say(web, "GET /b 200", "timeout again")
            await slow.has(["timeout in db", "timeout again"])
            await every.has(["GET / 200", "timeout in db", "GET /a 200", "GET /b 200", "timeout again"])
            await none.live()
            assert none.lines == []


async def test_a_tail_follows_new_instances(world: TailWorld) -> None:
    async with world.logger(), world.agent(), world.tail() as reader:
        world.say(await world.start("a1"), "one")
        await reader.has(["one"])
        world.say(await world.start("b2", number=2), "two")
        await reader.has(["one", "two"])


async def test_a_reader_whose_line_broke_goes_on_with_its_cursor(world: TailWorld) -> None:
    async with world.logger(), world.agent():
        web, worker = await world.start("a1"), await world.start("b2", number=2)
        world.say(web, *numbers(0, 100))
        async with world.tail(ALL) as reader:
            await reader.has(numbers(0, 100))
            reader.connection.transport.abort()
        world.say(web, *numbers(100, 200))
        world.say(worker, "meanwhile")
        async with world.tail(after=reader.cursor) as again:
            await again.live()
            await again.counts(101)
            assert sorted(again.lines) == sorted([*numbers(100, 200), "meanwhile"])
            assert again.missed == []


async def test_a_reader_whose_line_broke_before_the_first_line_goes_on_from_where_it_stood(world: TailWorld) -> None:
    async with world.agent():
        async with world.logger(), world.tail(ALL) as ready:
            web, worker = await world.start("a1"), await world.start("b2", number=2)
            world.say(web, *numbers(0, 100))
            world.say(worker, *numbers(100, 200))
            await ready.counts(200)
            async with world.tail(10) as ten, world.tail(0) as none:
                for reader in (ten, none):
                    await reader.stands()
                    reader.connection.transport.abort()
            assert ten.lines == none.lines == []
            world.say(web, "one more")
            await ready.counts(201)
            async with world.tail(after=ten.cursor) as again, world.tail(after=none.cursor) as anew:
                await again.live()
                await anew.live()
                assert again.lines == [*numbers(190, 200), "one more"]
                assert anew.lines == ["one more"]
        async with world.logger(), world.tail(after=ten.cursor) as again, world.tail(after=none.cursor) as anew:
            await again.counts(11)
            await anew.counts(1)
            assert sorted(again.lines) == sorted([*numbers(190, 200), "one more"])
            assert anew.lines == ["one more"]
            assert [*again.missed, *anew.missed] == []


async def test_a_reader_goes_on_over_a_restart_of_the_logger_that_its_agent_fills_again(world: TailWorld) -> None:
    async with world.agent():
        async with world.logger():
            web = await world.start("a1")
            world.say(web, *numbers(0, 100))
            async with world.tail(ALL) as reader:
                await reader.has(numbers(0, 100))
        world.say(web, *numbers(100, 150))
        async with world.logger(), world.tail(after=reader.cursor) as again:
            await again.has(numbers(100, 150))
            world.say(web, "new")
            await again.has([*numbers(100, 150), "new"])
            assert again.missed == []


async def test_a_cursor_older_than_the_ring_says_how_many_lines_went(world: TailWorld) -> None:
    async with world.logger(logger_lines=100), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 50))
        async with world.tail(ALL) as reader:
            await reader.has(numbers(0, 50))
        world.say(web, *numbers(50, 300))
        await world.has(numbers(200, 300))
        async with world.tail(after=reader.cursor) as again:
            await again.has(numbers(200, 300))
            assert [(gap.lines, gap.why) for gap in again.missed] == [(150, "evicted")]


async def test_a_slow_reader_is_told_exactly_what_it_missed_and_holds_up_nobody(world: TailWorld) -> None:
    text = "x" * 500
    async with world.logger(logger_lines=ALL, logger_bytes=64 * 1024 * 1024) as logger, world.agent():
        web = await world.start("a1")
        async with world.tail(room=4096) as slow, world.tail() as fast:
            count = 12_000
            for first in range(0, count, 1000):
                world.say(web, *[f"{n} {text}" for n in range(first, first + 1000)])
                await fast.counts(first + 1000)
            assert fast.missed == []
            assert [int(line.split()[0]) for line in fast.lines] == list(range(count))

            world.say(web, "the last")

            def all_told() -> bool:
                return bool(slow.lines) and slow.lines[-1] == "the last"

            await slow.until(all_told, "the last line")
            assert {gap.why for gap in slow.missed} == {"slow"}
            assert len(slow.lines) + sum(gap.lines or 0 for gap in slow.missed) == count + 1
            told = [int(line.split()[0]) for line in slow.lines[:-1]]
            assert told == sorted(set(told))
            assert all(gap.since and gap.until and gap.since <= gap.until for gap in slow.missed)
            missed = logger.registry.get_sample_value("deis_logger_tail_missed_lines_total")
            assert missed == sum(gap.lines or 0 for gap in slow.missed)


async def test_a_tail_on_which_nothing_happens_but_pings_lives(world: TailWorld) -> None:
    async with world.logger(logger_ping_seconds=1), world.agent():
        web = await world.start("a1")
        async with world.tail(ping_interval=None) as reader:
            await reader.live()
            connection, pings = reader.connection, 0
            answer = connection.process_event

            def counting(event: object) -> None:
                nonlocal pings
                pings += str(event).startswith("PING")
                answer(event)  # type: ignore[arg-type]

            connection.process_event = counting  # type: ignore[method-assign]
            await eventually(lambda: pings >= 4, what="four pings")
            world.say(web, "still here")
            await reader.has(["still here"])


async def test_a_reader_that_answers_no_ping_is_cut_off(world: TailWorld) -> None:
    async with world.logger(logger_ping_seconds=0.05) as logger, world.tail(ping_interval=None) as reader:
        await reader.live()
        assert logger.registry.get_sample_value("deis_logger_tails") == 1
        reader.connection.transport.pause_reading()
        await eventually(lambda: logger.registry.get_sample_value("deis_logger_tails") == 0, what="no tail")
        reader.connection.transport.abort()


async def test_deleted_lines_do_not_end_a_tail(world: TailWorld) -> None:
    async with world.logger() as logger, world.agent():
        web = await world.start("a1")
        async with world.tail() as reader:
            world.say(web, "old")
            await reader.has(["old"])
            token = (world.home / "secrets" / "internal.token").read_text().strip()
            async with aiohttp.ClientSession(headers=header(token)) as session:
                assert (await session.delete(f"http://127.0.0.1:{world.port}/shop/")).status == 204
            world.say(web, "new")
            await reader.has(["old", "new"])
            assert logger.registry.get_sample_value("deis_logger_tails") == 1


async def test_many_tails_leave_nothing_behind(world: TailWorld) -> None:
    async with world.logger() as logger, world.agent():
        web = await world.start("a1")
        async with asyncio.TaskGroup() as group:
            for n in range(30):
                group.create_task(_come_and_go(world, abort=bool(n % 2)))
            world.say(web, *numbers(0, 1000))
        await eventually(lambda: logger.registry.get_sample_value("deis_logger_tails") == 0, what="no tail")
        async with world.tail(ALL) as reader:
            await reader.has(numbers(0, 1000))


async def _come_and_go(world: TailWorld, *, abort: bool) -> None:
    async with world.tail(ALL) as reader:
        await reader.counts(100)
        if abort:
            reader.connection.transport.abort()
