"""From an instance's output to the logger's answer: every line once and in order, whoever restarts meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from aiohttp import web

from libs.engine import LogPiece
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.records import App, Event, MeshMember
from libs.store.shelf import Shelf
from libs.web import listen
from tests.integration.logger.world import KEYS, NODE, World, numbers, owner_beside
from tests.support.waiting import eventually

Spoken = World[MemoryEngine]
PASSED = ("Authorization", "Deis-Logger-Boot")


@pytest.fixture
def world(tmp_path: Path) -> Spoken:
    engine = MemoryEngine()
    engine.add_image("app")
    return World(tmp_path, engine)


def say(world: Spoken, name: str, *texts: str) -> None:
    for text in texts:
        world.engine.say(name, text.encode() + b"\n")


async def test_what_an_instance_says_is_answered_in_the_form_of_v1(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, "hello", "and again")
        await world.has(["hello", "and again"])
        status, text = await world.ask("/shop")
    assert status == 200
    first = text.splitlines()[0]
    time, _, rest = first.partition(" ")
    assert rest == "shop[web.1]: hello"
    assert datetime.strptime(time, "%Y-%m-%dT%H:%M:%SUTC").year >= 2024  # noqa: DTZ007 - UTC is in the text


async def test_an_app_without_lines_is_204_and_the_default_is_100_lines(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, *numbers(0, 250))
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
                await eventually(partial(_some, world, part * 500), what="a part of the stream")
        async with world.agent():
            await world.has(numbers(0, 3000))


async def _some(world: Spoken, more_than: int) -> bool:
    return len(await world.lines()) > more_than


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


async def test_hostile_output_of_one_app_costs_another_nothing(world: Spoken) -> None:
    async with world.logger(), world.agent():
        bad, good = await world.start("bad", app="bad"), await world.start("good", app="good")
        noise = LogPiece(time.time_ns(), "stdout", os.urandom(16384).replace(b"\n", b""))
        world.engine.host.rows[bad].output += [noise] * 2000  # a line of 32 MB, as the engine stores it
        world.engine.say(bad, b"\x00\xff\xfe \xc3( nul and no utf-8\x00\n")
        say(world, good, *numbers(0, 1000))
        await world.has(numbers(0, 1000), app="good")

        async def both() -> bool:
            _, text = await world.ask("/bad", log_lines="10")
            lines = text.split("\n")
            assert len(lines) == 3
            assert "bytes cut]" in lines[0]
            assert "\x00\ufffd\ufffd \ufffd( nul and no utf-8\x00" in lines[1]
            return True

        await eventually(both)


async def test_a_batch_that_is_none_is_refused_and_stops_nothing(world: Spoken) -> None:
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
        say(world, web, "still here")
        await world.has(["still here"])


class Between:
    """Stands between agent and logger and passes everything on but what `keeps` says: a request, or its answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.requests = 0
        self.keeps: Callable[[int], Literal["", "request", "answer"]] = lambda _: ""

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._pass)
        return app

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        kept = self.keeps(self.requests)
        assert request.transport is not None
        if kept == "request":
            request.transport.abort()
            return web.Response()
        url = f"http://127.0.0.1:{self._port}{request.raw_path}"
        body, headers = await request.read(), {k: v for k, v in request.headers.items() if k in PASSED}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=BytesIO(body), headers=headers) as answer,
        ):
            if kept == "answer":
                request.transport.abort()
            return web.Response(status=answer.status, body=await answer.read())


@pytest.fixture
async def between(world: Spoken) -> AsyncIterator[Between]:
    """The way that the agent takes: its record is that of the app's logger."""
    one = Between(world.port)
    async with listen(one.application(), "127.0.0.1", 0) as port:
        other = owner_beside(NODE)
        url = f"http://127.0.0.1:{port}"
        member = MeshMember(service="logger", id=other, node=other, url=url, started=datetime.now(UTC))
        await Shelf(world.store, KEYS.mesh).put(member, "logger", other)
        yield one


async def test_answers_that_are_lost_cost_no_line_and_double_none(world: Spoken, between: Between) -> None:
    between.keeps = lambda request: "answer" if request % 3 else ""
    async with world.logger(), world.agent():
        web_1, web_2 = await world.start("a1"), await world.start("b2", number=2)
        for part in range(0, 2000, 100):
            say(world, web_1, *numbers(part, part + 100))
            say(world, web_2, *numbers(part, part + 100))
            await eventually(partial(_some, world, part), what="a part of the stream")
        await world.has(numbers(0, 2000), process="web.1")
        await world.has(numbers(0, 2000), process="web.2")
    assert between.requests > 20


async def test_what_was_rotated_away_while_the_logger_took_nothing_is_told(world: Spoken, between: Between) -> None:
    async with world.logger(), world.agent(log_agent_stall_seconds=0.05) as agent:
        web = await world.start("a1")
        say(world, web, "first")
        await world.has(["first"])
        between.keeps = lambda _: "request"
        say(world, web, *numbers(0, 10_000))  # more than a lane and a frame on its way hold
        left = agent.registry
        await eventually(lambda: (left.get_sample_value("deis_log_agent_stalls_total") or 0) > 0)
        del world.engine.host.rows[web].output[:9_000]
        between.keeps = lambda _: ""

        async def told() -> bool:
            found = await world.lines()
            assert found[-1:] == ["line 9999"]
            gap = next(n for n, line in enumerate(found) if line.startswith("lines may be missing"))
            assert found[:gap] == ["first", *numbers(0, gap - 1)]
            assert found[gap + 1 :] == numbers(10_000 - len(found) + gap + 1, 10_000)
            return True

        await eventually(told)


async def test_only_who_knows_the_token_writes_and_deletes(world: Spoken) -> None:
    async with world.logger() as logger:
        await eventually(lambda: logger.ready and all(holds() for holds in logger.ready.values()))
        assert (await world.ask("/_/lines", "POST"))[0] == 401
        assert (await world.ask("/_/known/u/i"))[0] == 401
        assert (await world.ask("/shop/", "DELETE"))[0] == 401


async def test_deleted_lines_are_gone_and_new_ones_arrive(world: Spoken) -> None:
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, "old")
        await world.has(["old"])
        token = (world.home / "secrets" / "internal.token").read_text().strip()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            assert (await session.delete(f"http://127.0.0.1:{world.port}/shop/")).status == 204
        assert await world.lines() == []
        say(world, web, "new")
        await world.has(["new"])


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


async def test_an_app_made_again_under_an_old_name_sees_nothing_of_its_predecessor(world: Spoken) -> None:
    now = datetime.now(UTC)
    apps = Shelf(world.store, KEYS.apps)
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, "secret")
        await world.has(["secret"])
        await apps.put(App(id="shop", uuid="another", owner="eve", created=now, updated=now), "shop")
        await world.has([])


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


async def test_an_instance_whose_record_is_unfit_silences_no_other(world: Spoken) -> None:
    async with world.logger(), world.agent() as agent:
        bad = await world.start("a1", app="bad")
        say(world, bad, "fit")
        await world.has(["fit"], "bad")
        for field, value in {"release": -1, "app_uuid": "", "type": "x" * 129}.items():
            record = await world.publish(bad)
            assert record is not None
            spoilt = record.model_copy(update={"id": f"b-{field}", field: value})
            await world.instances.put(spoilt, NODE, "bad", spoilt.id)
        good = await world.start("a2", app="good")
        say(world, good, "heard")
        await world.has(["heard"], "good")
        assert agent.facts["loggers"]()
