"""Failed logins through a real router: they count for the address that HAProxy saw, whatever the client says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.throttle import OF_ADDRESS
from services.router.serve import route
from services.router.settings import RouterSettings
from tests.support.api import Api, running_api
from tests.support.haproxy import HAProxyServer
from tests.support.waiting import eventually

ATTACKER, OTHER = "127.0.0.2", "127.0.0.3"  # addresses of this host that clients may come from


class Through:
    """A client of the API behind the router, from an address of its choice."""

    def __init__(self, session: aiohttp.ClientSession, haproxy: HAProxyServer, domain: str) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{haproxy.port}"
        self._host = f"deis.{domain}"

    async def login(self, username: str, password: str, **headers: str) -> int:
        body = {"username": username, "password": password}
        own = {"Host": self._host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self._session.post(f"{self._url}/v1/auth/login/", json=body, headers=own) as answer:
            return answer.status

    async def answers(self) -> bool:
        async with self._session.get(f"{self._url}/healthz", headers={"Host": self._host}) as answer:
            return answer.status == 200


@asynccontextmanager
async def coming_from(address: str, haproxy: HAProxyServer, domain: str) -> AsyncIterator[Through]:
    """A client that connects from this address."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Through(session, haproxy, domain)


@pytest.fixture
async def api(haproxy: HAProxyServer, router_settings: RouterSettings, tmp_path: Path) -> AsyncIterator[Api]:
    """The API, announced to a running router."""
    store = MemoryStore()
    daemon = Daemon("router", CollectorRegistry())
    async with (
        running_api(store, tmp_path) as running,
        supervise(router=route(daemon, router_settings, store.fork())),
    ):
        url = running.client.url
        member = MeshMember(service="controller", id="c1", node="n1", url=url, started=now())
        await Shelf(store, running.controller.keyspace.mesh).put(member, "controller", "c1")
        yield running


async def test_a_forged_header_helps_no_attacker_and_harms_nobody_else(
    api: Api, haproxy: HAProxyServer, router_settings: RouterSettings
) -> None:
    await api.client.joined("member")
    async with (
        coming_from(ATTACKER, haproxy, router_settings.domain) as attacker,
        coming_from(OTHER, haproxy, router_settings.domain) as other,
    ):
        await eventually(attacker.answers)
        most = OF_ADDRESS[0]
        forged = [f"203.0.113.{number}, {OTHER}" for number in range(most)]
        tried = [await attacker.login(f"user{n}", "x", X_Forwarded_For=header) for n, header in enumerate(forged)]
        assert tried == [400] * most
        assert await attacker.login("member", "opensesame", X_Forwarded_For=OTHER) == 429
        assert await other.login("member", "opensesame") == 200
