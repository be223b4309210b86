"""What stands in the way of lines: answers that are lost, junk, hostile output, records that are unfit."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Literal

import aiohttp
import pytest
from aiohttp import web

from libs.engine import LogPiece
from libs.keyspace.records import MeshMember
from libs.store.shelf import Shelf
from libs.web import listen
from tests.integration.logger.world import KEYS, NODE, Spoken, numbers, owner_beside, say
from tests.support.waiting import eventually

PASSED = ("Authorization", "Deis-Logger-Boot")


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
            await eventually(partial(world.has_more_than, part), what="a part of the stream")
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
