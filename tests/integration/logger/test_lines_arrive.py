"""From an instance's output to the logger's answer: every line once and in order, whoever restarts meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from libs.keyspace.records import App, Event
from libs.store.shelf import Shelf
from tests.integration.logger.world import KEYS, NODE, Spoken, numbers, say
from tests.support.waiting import eventually


async def test_a_restarted_agent_goes_on_where_it_was_and_doubles_nothing(world: Spoken) -> None:
    async with world.logger():
        async with world.agent():
            web = await world.start("a1")
            say(world, web, *numbers(0, 100))
            await world.has(numbers(0, 100))
        say(world, web, *numbers(100, 200))
        async with world.agent():
            await world.has(numbers(0, 200))
            say(world, web, *numbers(200, 300))
            await world.has(numbers(0, 300))


async def test_an_agent_killed_in_the_middle_of_the_stream_loses_and_doubles_nothing(world: Spoken) -> None:
    async with world.logger():
        web = await world.start("a1")
        for part in range(6):
            async with world.agent(kill=True):
                say(world, web, *numbers(part * 500, part * 500 + 500))
                await eventually(partial(world.has_more_than, part * 500), what="a part of the stream")
        async with world.agent():
            await world.has(numbers(0, 3000))


async def test_a_restarted_logger_is_filled_again_in_order_and_without_doubles(world: Spoken) -> None:
    async with world.agent():
        async with world.logger():
            web, worker = await world.start("a1"), await world.start("b2", number=2)
            for n in range(200):
                say(world, web if n % 2 else worker, f"line {n}")
            await world.has(numbers(0, 200))
        say(world, web, *numbers(200, 300))
        async with world.logger():
            await world.has(numbers(0, 300))
            say(world, worker, *numbers(300, 310))
            await world.has(numbers(0, 310))


async def test_a_logger_that_restarts_while_the_agent_is_away_is_filled_again_by_the_next(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, *numbers(0, 50))
        await world.has(numbers(0, 50))
    say(world, web, *numbers(50, 60))
    async with world.logger(), world.agent(log_agent_refill_lines=20):
        await world.has(numbers(40, 60))


async def test_a_refill_that_would_leave_out_unread_lines_reads_them_all_instead(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, *numbers(0, 50))
        await world.has(numbers(0, 50))
    say(world, web, *numbers(50, 200))
    async with world.logger(), world.agent(log_agent_refill_lines=20):
        await world.has(numbers(50, 200))


async def test_lines_said_before_any_logger_was_there_arrive(world: Spoken) -> None:
    async with world.agent() as agent:
        web = await world.start("a1")
        say(world, web, *numbers(0, 3000))
        await eventually(lambda: all(holds() for name, holds in agent.ready.items() if name == "instances mirrored"))
        async with world.logger():
            await world.has(numbers(0, 3000))


async def test_an_engine_that_goes_away_and_comes_back_costs_nothing(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, *numbers(0, 10))
        await world.has(numbers(0, 10))
        with world.engine.away():
            say(world, web, *numbers(10, 20))
        say(world, web, *numbers(20, 30))
        await world.has(numbers(0, 30))


async def test_a_stopped_instance_is_told_read_to_its_end_once_its_last_line_arrived(world: Spoken) -> None:
    async with world.agent():
        web = await world.start("a1")
        async with world.logger():
            say(world, web, "one")
            await world.has(["one"])
            assert await world.end(web) is None
        say(world, web, "last words")
        await world.engine.stop(web, grace=0)
        record = await world.publish(web)
        assert record is not None
        assert record.state == "exited"
        assert await world.end(web) is None  # nobody has the last words yet
        async with world.logger():
            end = await eventually(lambda: world.end(web), what="the end")
            assert end.finished == record.finished
            assert await world.lines() == ["one", "last words"]
            await world.engine.remove(web)
            await world.publish(web)
            await eventually(lambda: _no_end(world, web), what="the end's record is gone")
            assert await world.lines() == ["one", "last words"]


async def _no_end(world: Spoken, name: str) -> bool:
    return await world.end(name) is None


async def test_an_instance_that_runs_again_loses_its_end_and_goes_on(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, "first run")
        await world.engine.stop(web, grace=0)
        await world.publish(web)
        await eventually(lambda: world.end(web), what="the end")
        await world.start("a1")
        await eventually(lambda: _no_end(world, web), what="the end's record is gone")
        say(world, web, "second run")
        await world.has(["first run", "second run"])


async def test_an_empty_store_lets_no_end_be_told_and_none_be_deleted(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        await world.engine.stop(web, grace=0)
        await world.publish(web)
        end = await eventually(lambda: world.end(web), what="the end")
    world.store.unavailable = True
    async with world.logger():
        world.store.unavailable = False
        async with world.agent():
            assert await eventually(lambda: world.end(web)) == end


async def test_what_the_platform_says_stands_between_the_lines(world: Spoken) -> None:
    now = datetime.now(UTC)
    events, apps = Shelf(world.store, KEYS.events), Shelf(world.store, KEYS.apps)
    await apps.create(App(id="shop", uuid="uuid-shop", owner="admin", created=now, updated=now), "shop")
    async with world.logger(), world.agent():
        event = Event(app="shop", kind="deployed", by="admin", message="admin deployed v3", at=now)
        await events.create(event, "uuid-shop", "1")
        await world.has(["admin deployed v3"])
        web = await world.start("a1")
        say(world, web, "up")
        await world.has(["admin deployed v3", "up"])
        _, text = await world.ask("/shop", process="deis")
        assert text == f"{now:%Y-%m-%dT%H:%M:%SUTC} shop[deis]: admin deployed v3\n"
    async with world.logger():  # told again by the store itself
        await world.has(["admin deployed v3"])


async def test_lines_of_an_instance_whose_record_vanished_still_arrive(world: Spoken) -> None:
    async with world.agent() as agent:
        web = await world.start("a1")
        await eventually(lambda: agent.ready and agent.ready["instances mirrored"]())
        async with world.logger():
            say(world, web, "early")
            await world.has(["early"])
            await world.instances.delete(NODE, "shop", "a1")
            say(world, web, "late")
            await world.has(["early", "late"])
