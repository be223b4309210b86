"""From an instance's output to the logger's answer: every line once and in order, whoever restarts meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon
from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.records import App, Event, Instance, LogEnd
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.log_agent.serve import ship_lines
from services.log_agent.settings import LogAgentSettings
from services.logger.serve import keep_lines
from services.logger.settings import LoggerSettings
from tests.support.ports import free_port
from tests.support.waiting import eventually

KEYS = Keyspace()
NODE = "n1"


class World:
    """A store, an engine, and what runs beside them: the publisher's part is played by `publish`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = MemoryStore()
        self.engine = MemoryEngine()
        self.engine.add_image("app")
        self.port = free_port()
        self.instances = Shelf(self.store, KEYS.instances)
        self.ends = Shelf(self.store, KEYS.log_ends)

    @asynccontextmanager
    async def logger(self, **changed: object) -> AsyncIterator[Daemon]:
        daemon = Daemon("logger", CollectorRegistry())
        settings = LoggerSettings(home=self.home, node=NODE, logger_port=self.port, **changed)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_lines(daemon, settings, self.store.fork()))
            try:
                yield daemon
            finally:
                daemon.stopping.set()

    @asynccontextmanager
    async def agent(self, *, kill: bool = False, **changed: object) -> AsyncIterator[Daemon]:
        """`kill` ends it without the word that would let it put its things in order."""
        daemon = Daemon("log_agent", CollectorRegistry())
        settings = LogAgentSettings(home=self.home, node=NODE, **changed)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ship_lines(daemon, settings, self.store.fork(), self.engine))
            try:
                yield daemon
            finally:
                if kill:
                    task.cancel()
                else:
                    daemon.stopping.set()

    async def start(self, id_: str, *, app: str = "shop", number: int = 1) -> str:
        """Run an instance and publish it; its container's name."""
        identity = Identity(id=id_, app=app, app_uuid=f"uuid-{app}", type="web", number=number, release=3)
        image = await self.engine.resolve("app")
        await self.engine.start(InstanceSpec(identity, image.digest))
        await self.publish(identity.name)
        return identity.name

    async def publish(self, name: str) -> Instance | None:
        """Write the instance's record as the engine has it now; delete it when the engine has it no more."""
        found = [seen for seen in (await self.engine.instances()).instances if seen.name == name]
        app, id_ = name.partition("_v")[0], name.rpartition("-")[2]
        if not found:
            await self.instances.delete(NODE, app, id_)
            return None
        seen = found[0]
        record = Instance(
            id=id_,
            name=name,
            node=NODE,
            app=app,
            app_uuid=seen.identity.app_uuid,
            type=seen.identity.type,
            number=seen.identity.number,
            release=seen.identity.release,
            state=seen.state,
            started=seen.started,
            finished=seen.finished,
        )
        await self.instances.put(record, NODE, app, id_)
        return record

    def say(self, name: str, *texts: str) -> None:
        for text in texts:
            self.engine.say(name, text.encode() + b"\n")

    async def ask(self, path: str, method: str = "GET", **query: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://127.0.0.1:{self.port}{path}", params=query) as answer,
        ):
            return answer.status, (await answer.read()).decode()

    async def lines(self, app: str = "shop", **query: str) -> list[str]:
        """The texts of an app's lines, without what stands before them; none while nobody answers."""
        try:
            _, text = await self.ask(f"/{app}", log_lines="100000", **query)
        except aiohttp.ClientConnectionError:
            return []
        return [line.partition(": ")[2] for line in text.splitlines()]

    async def has(self, expected: list[str], app: str = "shop", **query: str) -> None:
        async def arrived() -> bool:
            found = await self.lines(app, **query)
            assert found == expected
            return True

        await eventually(arrived, what="the lines")

    async def end(self, name: str) -> LogEnd | None:
        stored = await self.ends.get(NODE, name.partition("_v")[0], name.rpartition("-")[2])
        return stored.document if stored else None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def numbers(first: int, last: int) -> list[str]:
    return [f"line {n}" for n in range(first, last)]


async def test_what_an_instance_says_is_answered_in_the_form_of_v1(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, "hello", "and again")
        await world.has(["hello", "and again"])
        status, text = await world.ask("/shop")
    assert status == 200
    first = text.splitlines()[0]
    time, _, rest = first.partition(" ")
    assert rest == "shop[web.1]: hello"
    assert datetime.strptime(time, "%Y-%m-%dT%H:%M:%SUTC").year >= 2024  # noqa: DTZ007 - UTC is in the text


async def test_an_app_without_lines_is_204_and_the_default_is_100_lines(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 250))
        await world.has(numbers(0, 250))
        assert await world.ask("/nobody") == (204, "")
        _, text = await world.ask("/shop/")
        assert len(text.splitlines()) == 100
        assert text.endswith("line 249\n")
        _, text = await world.ask("/shop", log_lines="2")
        assert len(text.splitlines()) == 2
        status, text = await world.ask("/shop", log_lines="two")
        assert status == 400
        assert "log_lines is 'two'" in text


async def test_a_restarted_agent_goes_on_where_it_was_and_doubles_nothing(world: World) -> None:
    async with world.logger():
        async with world.agent():
            web = await world.start("a1")
            world.say(web, *numbers(0, 100))
            await world.has(numbers(0, 100))
        world.say(web, *numbers(100, 200))
        async with world.agent():
            await world.has(numbers(0, 200))
            world.say(web, *numbers(200, 300))
            await world.has(numbers(0, 300))


async def test_an_agent_killed_in_the_middle_of_the_stream_loses_and_doubles_nothing(world: World) -> None:
    async with world.logger():
        web = await world.start("a1")
        for part in range(6):
            async with world.agent(kill=True):
                world.say(web, *numbers(part * 500, part * 500 + 500))
                await eventually(partial(_some, world, part * 500), what="a part of the stream")
        async with world.agent():
            await world.has(numbers(0, 3000))


async def _some(world: World, more_than: int) -> bool:
    return len(await world.lines()) > more_than


async def test_a_restarted_logger_is_filled_again_in_order_and_without_doubles(world: World) -> None:
    async with world.agent():
        async with world.logger():
            web, worker = await world.start("a1"), await world.start("b2", number=2)
            for n in range(200):
                world.say(web if n % 2 else worker, f"line {n}")
            await world.has(numbers(0, 200))
        world.say(web, *numbers(200, 300))
        async with world.logger():
            await world.has(numbers(0, 300))
            world.say(worker, *numbers(300, 310))
            await world.has(numbers(0, 310))


async def test_a_logger_that_restarts_while_the_agent_is_away_is_filled_again_by_the_next(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 50))
        await world.has(numbers(0, 50))
    world.say(web, *numbers(50, 60))
    async with world.logger(), world.agent(log_agent_refill_lines=20):
        await world.has(numbers(40, 60))


async def test_a_refill_that_would_leave_out_unread_lines_reads_them_all_instead(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 50))
        await world.has(numbers(0, 50))
    world.say(web, *numbers(50, 200))
    async with world.logger(), world.agent(log_agent_refill_lines=20):
        await world.has(numbers(50, 200))


async def test_lines_said_before_any_logger_was_there_arrive(world: World) -> None:
    async with world.agent() as agent:
        web = await world.start("a1")
        world.say(web, *numbers(0, 3000))
        await eventually(lambda: all(holds() for name, holds in agent.ready.items() if name == "instances mirrored"))
        async with world.logger():
            await world.has(numbers(0, 3000))


async def test_an_engine_that_goes_away_and_comes_back_costs_nothing(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, *numbers(0, 10))
        await world.has(numbers(0, 10))
        with world.engine.away():
            world.say(web, *numbers(10, 20))
        world.say(web, *numbers(20, 30))
        await world.has(numbers(0, 30))


async def test_a_stopped_instance_is_told_read_to_its_end_once_its_last_line_arrived(world: World) -> None:
    async with world.agent():
        web = await world.start("a1")
        async with world.logger():
            world.say(web, "one")
            await world.has(["one"])
            assert await world.end(web) is None
        world.say(web, "last words")
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


async def _no_end(world: World, name: str) -> bool:
    return await world.end(name) is None


async def test_an_instance_that_runs_again_loses_its_end_and_goes_on(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, "first run")
        await world.engine.stop(web, grace=0)
        await world.publish(web)
        await eventually(lambda: world.end(web), what="the end")
        await world.start("a1")
        await eventually(lambda: _no_end(world, web), what="the end's record is gone")
        world.say(web, "second run")
        await world.has(["first run", "second run"])


async def test_an_empty_store_lets_no_end_be_told_and_none_be_deleted(world: World) -> None:
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


async def test_hostile_output_of_one_app_costs_another_nothing(world: World) -> None:
    async with world.logger(), world.agent():
        bad, good = await world.start("bad", app="bad"), await world.start("good", app="good")
        noise = os.urandom(16384).replace(b"\n", b"")
        for _ in range(2000):  # 32 MB without a newline
            world.engine.say(bad, noise)
        world.engine.say(bad, b"\n\x00\xff\xfe \xc3( nul and no utf-8\x00\n")
        world.say(good, *numbers(0, 1000))
        await world.has(numbers(0, 1000), app="good")

        async def both() -> bool:
            _, text = await world.ask("/bad", log_lines="10")
            lines = text.split("\n")
            assert len(lines) == 3
            assert "bytes cut]" in lines[0]
            assert "\x00\ufffd\ufffd \ufffd( nul and no utf-8\x00" in lines[1]
            return True

        await eventually(both)


async def test_a_batch_that_is_none_is_refused_and_stops_nothing(world: World) -> None:
    async with world.logger() as logger, world.agent() as agent:
        web = await world.start("a1")
        await eventually(lambda: all(holds() for holds in (*logger.ready.values(), *agent.ready.values())))
        token = (world.home / "secrets" / "internal.token").read_text().strip()
        shown = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{world.port}"
        async with aiohttp.ClientSession(headers=shown) as session:
            boot = (await (await session.get(f"{url}/_/boot")).json())["boot"]
            headers = {"Deis-Logger-Boot": boot}
            junk = (
                b"",
                b"\n",
                b"{}\n",
                b"\xff" * 10_000,
                b"{" * 5000 + b"\n",
                b"null\n" * 99,
                b"x" * (5 * 1024 * 1024),
            )
            statuses = [
                (await session.post(f"{url}/_/lines", data=BytesIO(body), headers=headers)).status for body in junk
            ]
            assert statuses == [200, 400, 400, 400, 400, 400, 413]
            assert (await session.post(f"{url}/_/lines", data=b"", headers={"Deis-Logger-Boot": "old"})).status == 409
        world.say(web, "still here")
        await world.has(["still here"])


async def test_only_who_knows_the_token_writes_and_deletes(world: World) -> None:
    async with world.logger() as logger:
        await eventually(lambda: logger.ready and all(holds() for holds in logger.ready.values()))
        assert (await world.ask("/_/lines", "POST"))[0] == 401
        assert (await world.ask("/_/known/u/i"))[0] == 401
        assert (await world.ask("/shop/", "DELETE"))[0] == 401


async def test_deleted_lines_are_gone_and_new_ones_arrive(world: World) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, "old")
        await world.has(["old"])
        token = (world.home / "secrets" / "internal.token").read_text().strip()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            assert (await session.delete(f"http://127.0.0.1:{world.port}/shop/")).status == 204
        assert await world.lines() == []
        world.say(web, "new")
        await world.has(["new"])


async def test_what_the_platform_says_stands_between_the_lines(world: World) -> None:
    now = datetime.now(UTC)
    events, apps = Shelf(world.store, KEYS.events), Shelf(world.store, KEYS.apps)
    await apps.create(App(id="shop", uuid="uuid-shop", owner="admin", created=now, updated=now), "shop")
    async with world.logger(), world.agent():
        event = Event(app="shop", kind="deployed", by="admin", message="deployed v3", at=now)
        await events.create(event, "uuid-shop", "1")
        await world.has(["admin deployed v3"])
        web = await world.start("a1")
        world.say(web, "up")
        await world.has(["admin deployed v3", "up"])
        _, text = await world.ask("/shop", process="deis")
        assert text == f"{now:%Y-%m-%dT%H:%M:%SUTC} shop[deis]: admin deployed v3\n"
    async with world.logger():  # told again by the store itself
        await world.has(["admin deployed v3"])


async def test_an_app_made_again_under_an_old_name_sees_nothing_of_its_predecessor(world: World) -> None:
    now = datetime.now(UTC)
    apps = Shelf(world.store, KEYS.apps)
    async with world.logger(), world.agent():
        web = await world.start("a1")
        world.say(web, "secret")
        await world.has(["secret"])
        await apps.put(App(id="shop", uuid="another", owner="eve", created=now, updated=now), "shop")
        await world.has([])


async def test_lines_of_an_instance_whose_record_vanished_still_arrive(world: World) -> None:
    async with world.agent() as agent:
        web = await world.start("a1")
        await eventually(lambda: agent.ready and agent.ready["instances mirrored"]())
        async with world.logger():
            world.say(web, "early")
            await world.has(["early"])
            await world.instances.delete(NODE, "shop", "a1")
            world.say(web, "late")
            await world.has(["early", "late"])
