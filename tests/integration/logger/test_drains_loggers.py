"""Whole loggers with drains: whose they are, what their states say, and that each minds its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.keyspace.records import Drain
from libs.loglines.sharing import logger_of
from libs.store.mirror import Mirror
from libs.vault import Vault
from libs.vault.keyfile import new_key, write_keys
from services.logger.drains import keeping
from tests.integration.logger.drained import KEYS, Logger, Receiver, a_drain, numbers_of, say
from tests.support.ports import free_port
from tests.support.waiting import eventually


@pytest.fixture
def logger(tmp_path: Path) -> Logger:
    return Logger(tmp_path)


async def add(logger: Logger, drain: Drain, scope: str) -> None:
    await logger.drains.put(drain, scope, drain.id)


async def test_a_drain_of_an_app_and_one_of_the_platform_get_their_lines_and_say_how_they_fare(logger: Logger) -> None:
    own, all_ = Receiver(), Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{own.port}"), "uuid-shop")
    await add(logger, a_drain(f"syslog://127.0.0.1:{all_.port}", id_="all", app=""), "platform")
    async with own.listening(), all_.listening(), logger.running():
        await logger.state("one", lambda _: True)
        await logger.state("all", lambda _: True)
        await say(logger, 0, 50)
        await say(logger, 0, 30, app="blog")
        await logger.state("one", lambda state: state.sent == 50)
        state = await logger.state("all", lambda state: state.sent == 80)
    assert (state.dropped, state.waiting, state.error) == (0, 0, "")
    assert numbers_of(own.messages) == list(range(50))
    assert sorted(numbers_of(all_.messages)) == sorted([*range(50), *range(30)])
    assert {message.split(b" ")[3] for message in all_.messages} == {b"shop", b"blog"}


async def test_a_drain_that_is_removed_ends_and_one_that_selects_gets_only_that(logger: Logger) -> None:
    receiver = Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{receiver.port}", select={"grep": "line 1[0-9][.]"}), "uuid-shop")
    async with receiver.listening(), logger.running():
        await logger.state("one", lambda _: True)
        await say(logger, 0, 50)
        await logger.state("one", lambda state: state.sent == 10)
        assert numbers_of(receiver.messages) == list(range(10, 20))
        await logger.drains.delete("uuid-shop", "one")
        await eventually(lambda: not receiver.writers)


async def test_a_drain_whose_filters_are_of_another_version_takes_nothing_and_says_why(logger: Logger) -> None:
    odd, well = Receiver(), Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{odd.port}", select={"colour": "red"}), "uuid-shop")
    await add(logger, a_drain(f"syslog://127.0.0.1:{well.port}", id_="two"), "uuid-shop")
    async with odd.listening(), well.listening(), logger.running():
        await logger.state("two", lambda _: True)
        await say(logger, 0, 10)
        await logger.state("two", lambda state: state.sent == 10)
        state = await logger.state("one", lambda state: bool(state.error))
    assert state.error.startswith("its filters cannot be read: 'colour' is no filter; there are process, ")
    assert state.failing is not None
    assert (state.sent, state.dropped, state.waiting) == (0, 0, 0)
    assert odd.messages == []


async def test_a_restarted_logger_goes_on_behind_what_was_delivered(logger: Logger) -> None:
    receiver = Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{receiver.port}"), "uuid-shop")
    async with receiver.listening():
        async with logger.running():
            await logger.state("one", lambda _: True)
            await say(logger, 0, 100)
            await logger.state("one", lambda state: state.sent == 100)
        async with logger.running():
            await say(logger, 0, 150)  # the agent fills the ring again
            state = await logger.state("one", lambda state: state.sent == 150)
    assert numbers_of(receiver.messages) == list(range(150))
    assert state.dropped == 0


async def test_a_new_drain_takes_the_lines_of_a_node_whose_clock_is_years_behind(
    logger: Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "FILLING_SECONDS", 0.0)
    receiver = Receiver()
    drain = a_drain(f"syslog://127.0.0.1:{receiver.port}").changed(created=datetime(2040, 1, 1, tzinfo=UTC))
    async with receiver.listening(), logger.running():
        await say(logger, 0, 50)
        await add(logger, drain, "uuid-shop")
        await logger.state("one", lambda _: True)
        await say(logger, 50, 30)
        await logger.state("one", lambda state: state.sent == 30)
    assert numbers_of(receiver.messages) == list(range(50, 80))


async def test_another_logger_that_takes_an_app_over_goes_on_behind_the_first(logger: Logger) -> None:
    receiver = Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{receiver.port}"), "uuid-shop")
    port = free_port()
    async with receiver.listening():
        async with logger.running("n1"):
            await logger.state("one", lambda _: True)
            await say(logger, 0, 100)
            await logger.state("one", lambda state: state.sent == 100)
        async with logger.running("n2", logger_port=port):
            await say(logger, 0, 120, port=port)
            await logger.state("one", lambda state: state.sent == 20)
    assert numbers_of(receiver.messages) == list(range(120))


async def test_of_two_loggers_only_the_one_that_keeps_the_app_runs_its_drain(logger: Logger) -> None:
    receiver, port = Receiver(), free_port()
    mirror = Mirror(logger.store, KEYS.mesh, "logger")
    async with receiver.listening(), logger.running("n1"), logger.running("n2", logger_port=port):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(mirror.run())
            await eventually(lambda: len(mirror.items()) == 2)
            task.cancel()
        keeper = logger_of("uuid-shop", [member for _, member in mirror.items()])
        assert keeper is not None
        await add(logger, a_drain(f"syslog://127.0.0.1:{receiver.port}"), "uuid-shop")
        await logger.state("one", lambda _: True)
        assert [stored.parts for stored in await logger.states.list("one")] == [("one", keeper.id)]


async def test_a_secret_without_its_key_is_told_and_nothing_else_fails(logger: Logger, tmp_path: Path) -> None:
    sealed, open_ = Receiver(), Receiver()
    keys = new_key()
    secret = Vault(keys).seal_text("drain:one", '{"user_info": "ann:pass"}')
    await add(logger, a_drain(f"syslog://127.0.0.1:{sealed.port}", secret=secret), "uuid-shop")
    await add(logger, a_drain(f"syslog://127.0.0.1:{open_.port}", id_="two"), "uuid-shop")
    async with sealed.listening(), open_.listening(), logger.running():
        await logger.state("two", lambda _: True)
        await say(logger, 0, 10)
        await logger.state("two", lambda state: state.sent == 10)
        await logger.state("one", lambda state: "password or key cannot be opened" in state.error)
        path = tmp_path / "secrets" / "config.key"
        path.write_text(write_keys(keys))
        path.chmod(0o600)
        await logger.state("one", lambda state: state.sent == 10)


async def test_dead_and_hanging_receivers_cost_another_drain_nothing(logger: Logger) -> None:
    hanging, well = Receiver(), Receiver()
    hanging.reading.clear()
    await add(logger, a_drain(f"syslog://127.0.0.1:{free_port()}", id_="dead"), "uuid-shop")
    await add(logger, a_drain(f"syslog://127.0.0.1:{hanging.port}", id_="hanging"), "uuid-shop")
    await add(logger, a_drain(f"syslog://127.0.0.1:{well.port}", id_="well"), "uuid-shop")
    async with hanging.listening(), well.listening(), logger.running():
        for id_ in ("dead", "hanging", "well"):
            await logger.state(id_, lambda _: True)
        for first in range(0, 50_000, 5000):
            await say(logger, first, 5000)
        await logger.state("well", lambda state: state.sent == 50_000)
        dead = await logger.state("dead", lambda state: state.waiting + state.dropped == 50_000)
        assert dead.failing is not None
    assert numbers_of(well.messages) == list(range(50_000))


async def test_a_batch_as_large_as_an_agent_may_send_is_drained_whole(logger: Logger) -> None:
    receiver = Receiver()
    await add(logger, a_drain(f"syslog://127.0.0.1:{receiver.port}"), "uuid-shop")
    async with receiver.listening(), logger.running():
        await logger.state("one", lambda _: True)
        await say(logger, 0, 30_000, most=4000)
        state = await logger.state("one", lambda state: state.sent + state.dropped == 30_000)
    assert state.dropped == 0
    assert numbers_of(receiver.messages) == list(range(30_000))
