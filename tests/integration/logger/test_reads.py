"""What a logger answers: to reads, with and without filters, and to who deletes."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import ClientConnectionError

from libs.keyspace.records import App
from libs.store.shelf import Shelf
from tests.integration.logger.world import KEYS, Spoken, numbers, say
from tests.support.waiting import eventually


async def test_the_last_lines_are_the_last_that_pass_the_filters(world: Spoken) -> None:
    async with world.logger(), world.agent():
        name = await world.start("a1")
        said = [f"{n} {'ERROR' if n % 10 == 0 else 'INFO'} x" for n in range(100)]
        for text in said:
            world.engine.say(name, text.encode() + b"\n")
        await world.has(said)
        assert await world.lines(level="error") == said[::10]
        assert await world.lines(grep="^[0-9]0 E.* x$") == said[10::10]
        assert await world.lines(process="web.2") == []
        _, text = await world.ask("/shop", log_lines="2", grep="ERROR")
        assert [line.partition(": ")[2] for line in text.splitlines()] == ["80 ERROR x", "90 ERROR x"]
        assert await world.ask("/shop", until="1h") == (204, "")
        assert len(await world.lines(since="1h", until="0s", stream="stdout")) == 100


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("grep", "(", "grep is '('; it must be a pattern of RE2 (missing ): ()"),
        ("level", "loud", "level is 'loud'; it must be debug, info, warning or error"),
        ("until", "noon", "until is 'noon'; it must be an age as 10m"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused_with_what_would_be_right(
    world: Spoken, parameter: str, value: str, told: str
) -> None:
    async def answers() -> bool:
        with suppress(ClientConnectionError):
            return (await world.ask("/shop"))[0] == 204
        return False

    async with world.logger():
        await eventually(answers)
        status, text = await world.ask("/shop", **{parameter: value})
        assert status == 400
        assert told in text
        assert await world.ask("/shop", colour="red") == (204, "")


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


async def test_an_app_made_again_under_an_old_name_sees_nothing_of_its_predecessor(world: Spoken) -> None:
    now = datetime.now(UTC)
    apps = Shelf(world.store, KEYS.apps)
    async with world.logger(), world.agent():
        web = await world.start("a1")
        say(world, web, "secret")
        await world.has(["secret"])
        await apps.put(App(id="shop", uuid="another", owner="eve", created=now, updated=now), "shop")
        await world.has([])


async def test_beyond_so_many_apps_the_lines_go_of_the_one_that_was_written_longest_ago(world: Spoken) -> None:
    async with world.logger(logger_apps=2), world.agent():
        for app in ("a", "b", "c"):
            world.engine.say(await world.start(f"{app}1", app=app), f"{app} speaks\n".encode())
            await world.has([f"{app} speaks"], app=app)
        assert await world.lines("a") == []
        assert await world.lines("b") == ["b speaks"]
