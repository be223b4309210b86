"""Tickets on a real etcd, taken by the logger that they name."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import aiohttp
import pytest

from libs.keyspace import Keyspace
from libs.store import Store
from services.logger.tickets import NoTicket, Tickets
from tests.support.api import Api
from tests.support.etcd import EtcdServer
from tests.support.loggers import announce

MANY = 20


async def lease_of(etcd: EtcdServer, key: str) -> tuple[str, int]:
    """The lease that a key is under, and the seconds that it was granted for, as etcd itself tells it."""
    async with aiohttp.ClientSession(f"http://{etcd.endpoint}") as session:

        async def ask(path: str, body: dict[str, Any]) -> Any:
            async with session.post(path, json=body) as answer:
                return await answer.json()

        found = await ask("/v3/kv/range", {"key": base64.b64encode(key.encode()).decode()})
        id_ = found["kvs"][0]["lease"]
        told = await ask("/v3/lease/timetolive", {"ID": id_})
        return id_, int(told["grantedTTL"])


async def test_a_ticket_from_any_controller_is_good_once(apis: tuple[Api, Api], store: Store, prefix: str) -> None:
    one, two = apis
    admin = await one.client.joined("admin")
    assert (await admin("POST", "/v1/apps", {"id": "hello"})).status == 201
    for api in apis:
        await announce(api, "n1", "http://127.0.0.1:1", sockets_url="ws://127.0.0.1:2")
    logger = Tickets(store, Keyspace(prefix))
    for api in (one, two):
        made = await api.client.with_token(admin.token)("POST", "/v1/apps/hello/logs/tickets")
        assert made.status == 201, made
        shown = await logger.look(made.json["ticket"])
        ticket = shown.right.ticket
        assert (ticket.app, ticket.username, ticket.admin) == ("hello", "admin", True)
        await logger.use(shown)
        with pytest.raises(NoTicket):
            await logger.look(made.json["ticket"])


async def test_many_tickets_take_few_leases_and_each_ends_by_itself(
    apis: tuple[Api, Api], etcd: EtcdServer, prefix: str
) -> None:
    one, _ = apis
    admin = await one.client.joined("admin")
    assert (await admin("POST", "/v1/apps", {"id": "hello"})).status == 201
    await announce(one, "n1", "http://127.0.0.1:1", sockets_url="ws://127.0.0.1:2")
    tickets = [(await admin("POST", "/v1/apps/hello/logs/tickets")).json["ticket"] for _ in range(MANY)]
    keys = [Keyspace(prefix).tickets.key(sha256(ticket.encode()).hexdigest()) for ticket in tickets]
    leases = [await lease_of(etcd, key) for key in keys]
    assert {granted for _, granted in leases} == {35}
    assert "0" not in dict(leases)
    assert len(dict(leases)) < MANY / 2
