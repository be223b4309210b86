"""Tickets, with which an app's lines are followed at its logger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from libs.keyspace.records import App, Ticket, User
from libs.loglines.sharing import logger_of
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.errors import Throttled
from services.controller.log_tickets import LIVES, OF_USER, TOGETHER, Tickets
from tests.support.api import Api, Client
from tests.support.loggers import announce

HERE = "http://127.0.0.1:1"
SOCKETS = "ws://127.0.0.1:2"


async def kept(api: Api, text: str) -> Ticket | None:
    digest = sha256(text.encode("ascii")).hexdigest()
    stored = await Shelf(api.store, api.controller.keyspace.tickets).get(digest)
    return stored.document if stored else None


def app_of(api: Api) -> App:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    return app


async def test_a_ticket_names_the_tail_at_the_host_that_was_asked(api: Api, admin: Client, app: str) -> None:
    await announce(api, "n 1", HERE, sockets_url=SOCKETS)
    answer = await admin("POST", f"{app}/logs/tickets?a=1", headers={"Host": "deis.example.com"})
    assert answer.line == "201 CREATED"
    assert list(answer.json) == ["url", "ticket", "protocol", "expires"]
    assert answer.json["url"] == "ws://deis.example.com/logs/n%201/tail"
    assert answer.json["protocol"] == "deis.logs.v1"
    expires = datetime.strptime(answer.json["expires"], "%Y-%m-%dT%H:%M:%SUTC").replace(tzinfo=UTC)
    ticket = await kept(api, answer.json["ticket"])
    assert ticket is not None
    assert expires == (ticket.created + timedelta(seconds=30)).replace(microsecond=0)
    assert (ticket.kind, ticket.app, ticket.app_uuid) == ("logs", "hello", app_of(api).uuid)
    assert (ticket.username, ticket.admin) == ("admin", True)
    assert ticket.token == sha256(admin.token.encode("ascii")).hexdigest()


async def test_the_tickets_own_text_is_not_in_the_store(api: Api, admin: Client, app: str) -> None:
    await announce(api, "one", HERE, sockets_url=SOCKETS)
    text = (await admin("POST", f"{app}/logs/tickets")).json["ticket"]
    for entry in (await api.store.list("/deis/")).entries:
        assert text not in entry.key
        assert text.encode() not in entry.value


async def test_who_may_read_the_log_may_have_a_ticket_and_nobody_else(api: Api, admin: Client) -> None:
    await announce(api, "one", HERE, sockets_url=SOCKETS)
    owner, friend, stranger = [await admin.joined(name) for name in ("owner", "friend", "stranger")]
    await owner("POST", "/v1/apps", {"id": "hello"})
    await owner("POST", "/v1/apps/hello/perms", {"username": "friend"})
    path = "/v1/apps/hello/logs/tickets"
    for client, name in ((owner, "owner"), (friend, "friend")):
        ticket = await kept(api, (await client("POST", path)).json["ticket"])
        assert ticket is not None
        assert (ticket.username, ticket.admin) == (name, False)
    assert (await stranger("POST", path)).line == "403 FORBIDDEN"
    assert (await admin("POST", "/v1/apps/nope/logs/tickets")).line == "404 NOT FOUND"
    assert (await admin("GET", path)).line == "405 METHOD NOT ALLOWED"


async def test_of_several_loggers_the_apps_own_is_named(api: Api, admin: Client, app: str) -> None:
    for name in ("a", "b", "c"):
        await announce(api, name, HERE, sockets_url=SOCKETS)
    members = [member for _, member in api.controller.picture.loggers.mirror.items()]
    own = logger_of(app_of(api).uuid, members)
    assert own is not None
    told = (await admin("POST", f"{app}/logs/tickets")).json["url"]
    assert told.endswith(f"/logs/{own.id}/tail")
    await announce(api, own.id, HERE, sockets_url=SOCKETS, ready=False)
    other = (await admin("POST", f"{app}/logs/tickets")).json["url"]
    assert other != told


@pytest.mark.parametrize(
    ("logger", "said"),
    [
        (None, "No logger is ready, so hello cannot be followed now."),
        ({"ready": False, "sockets_url": SOCKETS}, "No logger is ready, so hello cannot be followed now."),
        ({}, "The logger one, which keeps the lines of hello, serves no tails now."),
    ],
)
async def test_without_a_logger_that_serves_tails_it_is_503_with_the_reason(
    api: Api, admin: Client, app: str, logger: dict[str, object] | None, said: str
) -> None:
    if logger is not None:
        await announce(api, "one", HERE, **logger)  # type: ignore[arg-type]
    answer = await admin("POST", f"{app}/logs/tickets")
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].startswith(said)
    assert answer.headers["Retry-After"]
    assert (await api.store.list(api.controller.keyspace.tickets.under())).entries == ()


async def test_a_user_gets_so_many_tickets_and_others_are_not_touched(api: Api, admin: Client, app: str) -> None:
    await announce(api, "one", HERE, sockets_url=SOCKETS)
    greedy = await admin.joined("greedy")
    assert (await greedy("POST", "/v1/apps", {"id": "mine"})).status == 201
    answers = [await greedy("POST", "/v1/apps/mine/logs/tickets") for _ in range(2 * OF_USER[0])]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(answers) - len(refused) >= OF_USER[0]
    assert {answer.line for answer in refused} == {"429 TOO MANY REQUESTS"}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert (await admin("POST", f"{app}/logs/tickets")).status == 201


class Hands:
    """A store that counts the leases it gives."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.leases: list[float] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def lease(self, ttl: float) -> object:
        self.leases.append(ttl)
        return await self.store.lease(ttl)


@pytest.fixture
def someone(api: Api, admin: Client) -> User:
    assert admin.token
    user = api.controller.picture.users.mirror.get("admin")
    assert user is not None
    return user


async def test_tickets_of_some_seconds_share_a_lease_that_outlives_each(api: Api, app: str, someone: User) -> None:
    assert app
    hands, clock = Hands(), [1000.0]
    tickets = Tickets(hands, api.controller.keyspace, lambda: clock[0])  # type: ignore[arg-type]
    for _ in range(5):
        await tickets.issue(app_of(api), someone, "5a17")
        clock[0] += TOGETHER / 5
    assert hands.leases == [LIVES + TOGETHER]
    await tickets.issue(app_of(api), someone, "5a17")
    assert len(hands.leases) == 2
    assert len((await hands.store.list(api.controller.keyspace.tickets.under())).entries) == 6


async def test_a_lease_that_ended_early_is_replaced(api: Api, app: str, someone: User) -> None:
    assert app
    store = MemoryStore()
    tickets = Tickets(store, api.controller.keyspace, lambda: 0.0)
    await tickets.issue(app_of(api), someone, "5a17")
    assert tickets._lease is not None
    await tickets._lease.revoke()
    assert (await store.list(api.controller.keyspace.tickets.under())).entries == ()
    await tickets.issue(app_of(api), someone, "5a17")
    assert len((await store.list(api.controller.keyspace.tickets.under())).entries) == 1


async def test_who_had_too_many_is_told_when_there_is_one_more(api: Api, app: str, someone: User) -> None:
    assert app
    clock = [0.0]
    tickets = Tickets(MemoryStore(), api.controller.keyspace, lambda: clock[0])
    for _ in range(OF_USER[0]):
        await tickets.issue(app_of(api), someone, "5a17")
    with pytest.raises(Throttled) as refused:
        await tickets.issue(app_of(api), someone, "5a17")
    assert refused.value.seconds == 1
    clock[0] += OF_USER[1]
    await tickets.issue(app_of(api), someone, "5a17")
