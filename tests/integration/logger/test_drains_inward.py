"""Loggers whose drains may not go inward: what their users are told, and that nobody is reached."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store.shelf import Shelf
from services.logger.drains import opening
from services.logger.drains.addresses import networks_of
from tests.integration.logger.drained import KEYS, Logger, a_drain, say
from tests.support.waiting import eventually


@pytest.fixture
def logger(tmp_path: Path) -> Logger:
    return Logger(tmp_path)


async def told(logger: Logger, url: str, error: str, **changed: object) -> None:
    """A drain to this URL has this error once there is a line for it."""
    await logger.drains.put(a_drain(url), "uuid-shop", "one")
    async with logger.running("n1", logger_drain_inward=False, **changed):
        await logger.state("one", lambda _: True)
        await say(logger, 0, 1)
        state = await logger.state("one", lambda state: error in state.error)
    assert (state.sent, state.waiting) == (0, 1)


async def test_a_drain_to_this_host_by_its_own_address_is_refused(logger: Logger) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        own = sock.getsockname()[0]
    await told(logger, f"syslog://{own}:{logger.port}", f"{own} is an address of this host, where no drain may go")


async def test_a_drain_to_a_member_of_the_mesh_or_the_store_is_refused(logger: Logger) -> None:
    member = MeshMember(service="controller", id="n2", node="n2", url="http://192.0.2.7:8000", started=now())
    await Shelf(logger.store, KEYS.mesh).put(member, "controller", "n2")
    for port in (8000, 2379):
        await told(
            logger,
            f"http://192.0.2.7:{port}",
            f"192.0.2.7 port {port} is the platform's own, where no drain may go",
            store_endpoints="192.0.2.7:2379",
        )


async def test_a_drain_to_the_stores_port_waits_while_the_store_has_no_address_and_is_told_whose(
    logger: Logger,
) -> None:
    await told(
        logger,
        "syslog://192.0.2.7:2379",
        "192.0.2.7 port 2379 may be the platform's own, where no drain may go: the logger's host finds no address for "
        "etcd.invalid (the store); make that host resolve the name",
        store_endpoints="etcd.invalid:2379",
    )


async def test_a_drain_into_a_network_that_is_barred_is_refused(logger: Logger) -> None:
    await told(logger, "syslog://192.0.2.7:514", "DEIS_LOGGER_DRAIN_BARRED", logger_drain_barred="192.0.2.0/24")


async def test_a_drain_behind_a_bridge_of_the_host_is_refused_unless_the_operator_lets_it(
    logger: Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "Bridges", lambda: lambda: networks_of("192.0.2.0/24"))
    await told(logger, "syslog://192.0.2.7:514", "192.0.2.7 is behind a bridge of the logger's host")
    lets = {"logger_drain_bridges": True, "logger_drain_barred": "192.0.2.7"}
    await told(logger, "syslog://192.0.2.7:514", "(DEIS_LOGGER_DRAIN_BARRED)", **lets)


async def test_an_operator_sees_at_which_ports_drains_wait(logger: Logger) -> None:
    async with logger.running(logger_drain_inward=False, store_endpoints="etcd.invalid:2379,192.0.2.7:2380") as daemon:
        told = ["port 2379: no address for etcd.invalid (the store)"]
        await eventually(lambda: daemon.facts.get("drains in doubt", lambda: None)() == told)
    async with logger.running(logger_drain_inward=True) as daemon:
        await eventually(lambda: "announced" in daemon.ready)
        assert "drains in doubt" not in daemon.facts  # nothing is refused
