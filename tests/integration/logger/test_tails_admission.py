"""Who is let in to a log tail, and who has to go; what hostile readers achieve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import structlog
from websockets.exceptions import ConnectionClosed, InvalidStatus

from libs.daemon import Daemon, Settings
from libs.keyspace.document import now
from libs.keyspace.records import App, MeshMember
from libs.loglines.sharing import logger_of
from libs.loglines.tail import End, begin
from libs.store import StoreUnavailable
from libs.store.opening import open_driver
from services.logger import tail as tails
from services.logger.tickets import NoTicket, Shown, Tickets
from tests.integration.logger.reader import TailWorld, tail_world, token_of
from tests.integration.logger.world import KEYS, NODE, numbers
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually


@pytest.fixture
async def world(own_etcd: EtcdServer, tmp_path: Path) -> AsyncIterator[TailWorld]:
    async with tail_world(own_etcd, tmp_path) as made:
        yield made


async def refused(world: TailWorld, ticket: str, id_: str = NODE) -> tuple[int, str | None]:
    """The status, and `Retry-After`."""
    with pytest.raises(InvalidStatus) as caught:
        async with world.opened(ticket=ticket, id_=id_):
            pass
    response = caught.value.response
    assert ticket not in (response.body or b"").decode()
    return response.status_code, response.headers.get("Retry-After")


def outcome(logger: Daemon, name: str) -> float:
    return logger.registry.get_sample_value("deis_logger_tickets_total", {"outcome": name}) or 0


async def test_a_ticket_is_good_once(world: TailWorld) -> None:
    async with world.logger() as logger:
        ticket = await world.ticket()
        async with world.tail(ticket=ticket):
            assert await refused(world, ticket) == (401, None)
        assert await refused(world, ticket) == (401, None)
        assert await refused(world, await world.ticket() + "x") == (401, None)
        assert await refused(world, "never-issued") == (401, None)
        assert outcome(logger, "good") == 1
        assert outcome(logger, "unknown") == 4


async def test_of_many_who_come_with_one_ticket_at_once_one_is_let_in(world: TailWorld) -> None:
    async with world.logger():
        await world.url()
        for _ in range(5):
            ticket = await world.ticket()
            statuses: list[int] = []
            async with asyncio.TaskGroup() as group:
                for _ in range(8):
                    group.create_task(_try(world, ticket, statuses))
            assert sorted(statuses) == [101, *[401] * 7]


async def _try(world: TailWorld, ticket: str, statuses: list[int]) -> None:
    try:
        async with world.opened(ticket=ticket):
            statuses.append(101)
    except InvalidStatus as error:
        statuses.append(error.response.status_code)


async def test_of_two_loggers_that_race_for_a_ticket_one_has_it(
    world: TailWorld, own_etcd: EtcdServer, tmp_path: Path
) -> None:
    drivers = [open_driver(Settings(home=tmp_path, store_endpoints=own_etcd.endpoint)) for _ in range(2)]
    desks = [Tickets(driver, KEYS) for driver in drivers]
    for _ in range(20):
        ticket = await world.ticket()
        shown = [await desk.look(ticket) for desk in desks]
        had: list[int] = []
        async with asyncio.TaskGroup() as group:
            for n in range(2):
                group.create_task(_use(desks[n], shown[n], had))
        assert sum(had) == 1
    for driver in drivers:
        await driver.close()


async def _use(desk: Tickets, shown: Shown, had: list[int]) -> None:
    try:
        await desk.use(shown)
    except NoTicket:
        had.append(0)
    else:
        had.append(1)


async def test_while_the_store_is_away_nobody_is_let_in_and_nobody_has_to_go(
    world: TailWorld, own_etcd: EtcdServer
) -> None:
    async with world.logger(presence_seconds=2) as logger, world.agent():
        web = await world.start("a1")
        url, ticket = await world.url(), await world.ticket()
        async with world.tail() as reader:
            world.say(web, "all is well")
            await reader.has(["all is well"])
            own_etcd.kill9()
            headers = {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                "Sec-WebSocket-Protocol": f"deis.logs.v1, deis.ticket.{ticket}",
            }
            async with aiohttp.ClientSession() as session:
                answer = await session.get(url.replace("ws", "http", 1), headers=headers)
                assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert outcome(logger, "unavailable") == 1
            world.say(web, "the store is away")
            await reader.has(["all is well", "the store is away"])
            own_etcd.start()

            async def comes_in() -> bool:
                try:
                    async with world.tail(1) as other:
                        await other.has(["the store is away"])
                except (StoreUnavailable, InvalidStatus):  # connections to the store are made anew
                    return False
                return True

            await eventually(comes_in, what="a reader is let in")
            world.say(web, "and back")
            await reader.has(["all is well", "the store is away", "and back"])


async def test_there_are_so_many_tails_at_most(world: TailWorld) -> None:
    await world.make_app("blog")
    async with world.logger(logger_tails=3, logger_app_tails=2) as logger:
        async with world.tail(), world.tail():
            assert await refused(world, await world.ticket()) == (503, "2")
            async with world.tail(ticket=await world.ticket(app="blog")):
                assert await refused(world, await world.ticket(app="blog")) == (503, "2")
            assert outcome(logger, "full") == 2
        await eventually(lambda: logger.registry.get_sample_value("deis_logger_tails") == 0, what="no tail")
        async with world.tail(), world.tail():
            pass


async def test_a_tail_is_nowhere_else(world: TailWorld) -> None:
    async with world.logger(), aiohttp.ClientSession() as session:
        url = (await world.url()).replace("ws", "http", 1)
        assert (await session.get(url)).status == 426
        assert (await session.post(url)).status == 405
        other = await world.url()
        for path in ("/logs/n1/tail?ticket=x", "/logs/n1", "/", "/metrics", "/logs/n1/tail/"):
            with pytest.raises(InvalidStatus, match="404"):
                async with world.opened(url=other.replace("/logs/n1/tail", path)):
                    pass
        with pytest.raises(InvalidStatus, match="421"):
            async with world.opened(url=other.replace("n1", "n2")):
                pass


def other_keeper(uuid: str) -> MeshMember:
    """A member that keeps the app, were it there beside the logger of the tests."""
    for n in range(1000):
        members = [
            MeshMember(service="logger", id=id_, node=id_, url="http://127.0.0.1:1", started=now())
            for id_ in (NODE, f"other{n}")
        ]
        if logger_of(uuid, members) == members[1]:
            return members[1]
    raise AssertionError("no name will do")


async def test_a_tail_ends_when_another_logger_keeps_its_app(world: TailWorld) -> None:
    await world.make_app("blog")
    member = other_keeper("uuid-shop")
    async with world.logger() as logger, world.tail() as reader:
        await reader.live()
        await world.mesh.put(member, "logger", member.id)
        assert await reader.ends() == ("moved", 1012)
        assert await refused(world, await world.ticket()) == (421, None)
        assert outcome(logger, "moved") == 1
        await world.mesh.delete("logger", member.id)
        await eventually(lambda: _comes(world), what="a tail")


async def _comes(world: TailWorld) -> bool:
    try:
        async with world.tail():
            return True
    except InvalidStatus:
        return False


async def test_a_tail_ends_with_its_app_and_never_shows_its_successor(world: TailWorld) -> None:
    async with world.logger():
        async with world.tail() as reader:
            await reader.live()
            await world.apps.delete("shop")
            assert await reader.ends() == ("gone", 1000)
        assert await refused(world, await world.ticket()) == (401, None)
        successor = App(id="shop", uuid="another", owner="ann", created=now(), updated=now())
        await world.apps.create(successor, "shop")
        assert await refused(world, await world.ticket()) == (401, None)


async def test_who_may_no_more_read_is_sent_away(world: TailWorld) -> None:
    async with (
        world.agent(),
        world.logger(),
        world.tail(ticket=await world.ticket("ann")) as owner,
        world.tail(ticket=await world.ticket("bob")) as collaborator,
        world.tail(ticket=await world.ticket("root")) as admin,
    ):
        unused = await world.ticket("bob")
        await world.apps.update(lambda app: app.changed(collaborators=()), "shop")
        assert await collaborator.ends() == ("forbidden", 1008)
        assert await refused(world, unused) == (401, None)
        await world.apps.update(lambda app: app.changed(owner="bob"), "shop")
        assert await owner.ends() == ("forbidden", 1008)
        world.say(await world.start("a1"), "for the admin alone")
        await admin.has(["for the admin alone"])
        assert admin.told(End) is None
        await world.users.update(lambda user: user.changed(is_superuser=False), "root")
        assert await admin.ends() == ("forbidden", 1008)


async def test_a_tail_ends_with_its_readers_account(world: TailWorld) -> None:
    async with (
        world.logger(),
        world.tail(ticket=await world.ticket("ann")) as deleted,
        world.tail(ticket=await world.ticket("bob")) as cancelled,
    ):
        await deleted.live()
        await world.users.delete("ann")
        assert await deleted.ends() == ("forbidden", 1008)
        await world.users.update(lambda user: user.changed(is_active=False), "bob")
        assert await cancelled.ends() == ("forbidden", 1008)


async def test_a_tail_ends_with_the_token_that_it_was_asked_for_by_and_no_other_does(world: TailWorld) -> None:
    async with (
        world.agent(),
        world.logger() as logger,
        world.tail(ticket=await world.ticket("ann")) as revoked,
        world.tail(ticket=await world.ticket("bob")) as other,
    ):
        await revoked.live()
        await other.live()
        late = await world.ticket("ann")
        await world.tokens.delete(token_of("ann"))
        assert await revoked.ends() == ("revoked", 1008)
        assert await refused(world, late) == (401, None)
        world.say(await world.start("a1"), "for the other")
        await other.has(["for the other"])
        assert other.told(End) is None
        ends = {"reason": "revoked"}
        assert logger.registry.get_sample_value("deis_logger_tail_ends_total", ends) == 1


async def test_a_logger_that_stops_tells_its_readers_first(world: TailWorld) -> None:
    async with world.agent(), world.logger() as logger:
        web = await world.start("a1")
        world.say(web, *numbers(0, 100))
        async with world.tail(1000) as reader, world.opened() as unbegun:
            await reader.has(numbers(0, 100))
            logger.stopping.set()
            assert await reader.ends() == ("stopping", 1012)
            assert '"stopping"' in str(await unbegun.recv())


async def test_a_reader_that_takes_nothing_does_not_hold_up_the_end(
    world: TailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "FAREWELL_SECONDS", 0.2)
    async with world.logger(), world.agent():
        web = await world.start("a1")
        async with world.tail(room=4096) as stuck, world.tail() as fast:
            world.say(web, *["x" * 1000] * 5000)
            await fast.counts(2000)
            stuck.connection.transport.pause_reading()
            await world.apps.delete("shop")
            assert await fast.ends() == ("gone", 1000)
            stuck.connection.transport.abort()


@pytest.mark.parametrize(
    "said",
    [
        b"\x00binary",
        "",
        "no json",
        "[" * 100_000,
        "{}",
        '{"type": "begin", "lines": -1}',
        '{"type": "begin", "lines": 1e99}',
        '{"type": "begin", "lines": true}',
        '{"type": "begin", "select": {"colour": "red"}}',
        '{"type": "begin", "select": {"grep": "("}}',
        '{"type": "begin", "select": {"since": "yesterday"}}',
        '{"type": "begin", "after": {"boot": "x", "sources": {"a": {"next": -1, "at": 0, "nth": 0}}}}',
        '{"type": "begin", "after": {"boot": "", "sources": {"": {"next": 1, "at": 18446744073709551616, "nth": 0}}}}',
        '{"type": "end", "reason": "stopping"}',
    ],
    ids=lambda said: str(said)[:30],
)
async def test_what_cannot_be_read_ends_the_tail(world: TailWorld, said: str | bytes) -> None:
    async with world.logger(), world.opened() as connection:
        await connection.send(said)
        answer = str(await connection.recv())
        assert '"type": "end", "reason": "bad"' in answer
        with pytest.raises(ConnectionClosed) as caught:
            await connection.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


async def test_a_reader_that_never_begins_or_says_more_or_too_much_is_ended(
    world: TailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.logger():
        async with world.tail() as chatty:
            await chatty.connection.send(begin(0, {}))
            assert await chatty.ends() == ("bad", 1008)
        async with world.opened() as huge:
            await huge.send("x" * 2_000_000)
            with pytest.raises(ConnectionClosed) as caught:
                await huge.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009
        monkeypatch.setattr(tails, "BEGIN_SECONDS", 0.05)
        async with world.opened() as silent:
            assert "no message of type begin" in str(await silent.recv())


async def test_a_ticket_stands_in_no_log_however_talkative(world: TailWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.client").setLevel(logging.INFO)  # the reader's side says what it sends
    with structlog.testing.capture_logs() as events:
        async with world.logger():
            good, bad = await world.ticket(), "B" * 43
            async with world.tail(ticket=good):
                assert await refused(world, good) == (401, None)
            await refused(world, bad)
            url = (await world.url()).replace("ws", "http", 1)
            async with aiohttp.ClientSession() as session:
                broken = f"deis.logs.v1, deis.ticket.{good}, @@"
                upgrade = {
                    "Connection": "Upgrade",
                    "Upgrade": "websocket",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                }
                answer = await session.get(url, headers={**upgrade, "Sec-WebSocket-Protocol": broken})
                assert answer.status == 400
                assert good not in await answer.text()
    said = caplog.text + repr(events)
    assert good not in said
    assert bad not in said
