"""Several loggers share the apps: who goes leaves its apps to others, with their history, and gets them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from libs.keyspace.records import MeshMember
from libs.loglines.sharing import logger_of
from libs.store.shelf import Shelf
from libs.web import listen
from tests.integration.logger.world import KEYS, NODE, Spoken, numbers, owner_beside, say
from tests.support.waiting import eventually

OTHER = owner_beside(NODE)  # it has the app `shop`, and leaves it to NODE when it goes


async def announced(world: Spoken, id_: str, *, there: bool = True) -> None:
    async def seen() -> bool:
        return (await Shelf(world.store, KEYS.mesh).get("logger", id_) is not None) == there

    await eventually(seen, what=f"the logger {id_} in the mesh: {there}")


async def test_each_app_is_at_its_own_logger_and_only_there(world: Spoken) -> None:
    apps = [f"app-{n}" for n in range(12)]
    async with world.logger(), world.logger(OTHER), world.agent():
        for n, app in enumerate(apps):
            say(world, await world.start(f"i{n}", app=app), *numbers(0, 20))
        members = [member for _, member in await loggers(world)]
        owners = set()
        for app in apps:
            owner = logger_of(f"uuid-{app}", members)
            assert owner is not None
            owners.add(owner.id)
            await world.has(numbers(0, 20), app, of=owner.id)
            assert await world.lines(app, of=NODE if owner.id == OTHER else OTHER) == []
        assert owners == {NODE, OTHER}


async def loggers(world: Spoken) -> list[tuple[str, MeshMember]]:
    found = [await Shelf(world.store, KEYS.mesh).get("logger", id_) for id_ in (NODE, OTHER)]
    return [(stored.document.id, stored.document) for stored in found if stored]


async def test_the_apps_of_a_logger_that_goes_move_with_their_history_and_come_back(world: Spoken) -> None:
    async with world.logger(), world.agent(log_agent_hold_seconds=0.2):
        async with world.logger(OTHER):
            await announced(world, OTHER)
            web = await world.start("a1")
            say(world, web, *numbers(0, 100))
            await world.has(numbers(0, 100), of=OTHER)
            assert await world.lines() == []
        say(world, web, *numbers(100, 200))
        await world.has(numbers(0, 200))
        async with world.logger(OTHER):
            say(world, web, *numbers(200, 300))
            await world.has(numbers(0, 300), of=OTHER)
            kept = await world.lines()
            assert kept == numbers(0, len(kept))  # it keeps what it had
            assert len(kept) >= 200
        say(world, web, *numbers(300, 400))
        await world.has(numbers(0, 400))  # and goes on behind that, with nothing left out and nothing twice


async def test_a_logger_whose_record_only_blinked_is_not_left(world: Spoken) -> None:
    async with world.logger(), world.logger(OTHER), world.agent():
        await announced(world, OTHER)
        web = await world.start("a1")
        say(world, web, "one")
        await world.has(["one"], of=OTHER)
        shelf = Shelf(world.store, KEYS.mesh)
        stored = await shelf.get("logger", OTHER)
        assert stored
        await shelf.delete("logger", OTHER)
        say(world, web, "two")
        await world.has(["one", "two"], of=OTHER)
        await shelf.put(stored.document, "logger", OTHER)
        say(world, web, "three")
        await world.has(["one", "two", "three"], of=OTHER)
        assert await world.lines() == []


async def test_what_no_logger_acknowledged_is_read_although_the_history_is_short(world: Spoken) -> None:
    async with world.agent(log_agent_hold_seconds=0.2, log_agent_refill_lines=10):
        async with world.logger(), world.logger(OTHER):
            await announced(world, OTHER)
            web = await world.start("a1")
            say(world, web, *numbers(0, 100))
            await world.has(numbers(0, 100), of=OTHER)
        say(world, web, *numbers(100, 300))
        async with world.logger():
            await world.has(numbers(100, 300))


@asynccontextmanager
async def a_logger_that_never_answers(world: Spoken, id_: str) -> AsyncIterator[list[str]]:
    """It takes connections and requests, and says nothing."""
    asked: list[str] = []
    asked_enough = asyncio.Event()

    async def swallow(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/_/boot":
            return web.json_response({"boot": "mute"})
        assert request.transport is not None
        request.transport.pause_reading()
        await asked_enough.wait()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", swallow)
    async with listen(app, "127.0.0.1", 0) as port:
        member = MeshMember(
            service="logger", id=id_, node=id_, url=f"http://127.0.0.1:{port}", started=datetime.now(UTC)
        )
        await Shelf(world.store, KEYS.mesh).put(member, "logger", id_)
        try:
            yield asked
        finally:
            asked_enough.set()


async def test_a_logger_that_hangs_holds_up_only_its_own_apps(world: Spoken) -> None:
    async with world.logger(), a_logger_that_never_answers(world, OTHER) as asked, world.agent():
        hung = await world.start("a1")
        say(world, hung, "nobody takes this")
        await eventually(lambda: any(path.startswith("/_/known/uuid-shop") for path in asked))
        free = [app for app in map("app-{}".format, range(99)) if await owned(world, app) == NODE][0]  # noqa: RUF015
        web = await world.start("b1", app=free)
        say(world, web, *numbers(0, 5000))
        await world.has(numbers(0, 5000), free)


async def owned(world: Spoken, app: str) -> str:
    chosen = logger_of(f"uuid-{app}", [member for _, member in await loggers(world)])
    assert chosen is not None
    return chosen.id


async def test_a_loud_instance_does_not_silence_another(world: Spoken) -> None:
    async with world.logger() as logger, world.agent():
        await announced(world, NODE)
        loud, quiet = await world.start("loud", app="loud"), await world.start("quiet", app="quiet")
        say(world, loud, *("x" * 1000 for _ in range(50_000)))
        say(world, quiet, "psst")
        await world.has(["psst"], "quiet")
        stored = logger.registry.get_sample_value("deis_logger_lines_total", {"fate": "stored"})
        assert stored is not None
        assert stored < 50_000


async def test_the_canary_is_counted_and_in_no_apps_log(world: Spoken) -> None:
    async with world.logger(), world.logger(OTHER), world.agent(log_agent_canary_seconds=0.01) as agent:
        web = await world.start("a1")
        say(world, web, *numbers(0, 10))
        await world.has(numbers(0, 10), of=OTHER)

        def figure(logger: str, fate: str) -> float:
            labels = {"logger": logger, "fate": fate}
            return agent.registry.get_sample_value("deis_log_agent_canary_lines_total", labels) or 0

        def sung(logger: str) -> bool:
            return figure(logger, "stored") >= 20

        for logger in (NODE, OTHER):
            await eventually(partial(sung, logger))
            assert figure(logger, "lost") == figure(logger, "unknown") == 0
            assert figure(logger, "sent") - figure(logger, "stored") <= 1
        seconds = agent.registry.get_sample_value("deis_log_agent_canary_seconds_count")
        assert seconds is not None
        assert seconds >= 40
        assert await world.lines(of=OTHER) == numbers(0, 10)


async def test_a_canary_line_that_does_not_arrive_is_counted_lost(world: Spoken) -> None:
    taken: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/_/boot" or request.path.startswith("/_/known"):
            return web.json_response({"boot": "liar"})
        if request.method == "GET":
            return web.Response(text="2026-11-23T20:00:00UTC ~canary[deis]: another line\n")
        taken.append(len(await request.read()))
        return web.json_response({"boot": "liar", "lines": 1})  # and forgets it

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with listen(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        member = MeshMember(service="logger", id="liar", node="liar", url=url, started=datetime.now(UTC))
        await Shelf(world.store, KEYS.mesh).put(member, "logger", "liar")
        async with world.agent(log_agent_canary_seconds=0.01) as agent:
            labels = {"logger": "liar", "fate": "lost"}
            lost = "deis_log_agent_canary_lines_total"
            await eventually(lambda: (agent.registry.get_sample_value(lost, labels) or 0) >= 3)
            assert taken
