from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.keyspace.document import now
from libs.keyspace.records import Check, Health, Instance, StaysUp, TcpAction
from libs.store.shelf import Shelf
from services.health_checker.probe import PASSED, Opened, Outcome
from services.health_checker.serve import check
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target, target_of
from tests.support.waiting import eventually
from tests.unit.health_checker.node import KEYS, REFUSED, Node, checker


@pytest.fixture
def node() -> Node:
    return Node()


async def test_an_instance_that_passes_is_ready_in_its_run(node: Node) -> None:
    async with checker(node):
        instance = await node.record("a1")
        verdict = await node.becomes("a1", ready=True)
        assert (verdict.started, verdict.live, verdict.run, verdict.reason) == (True, True, instance.started, "")


async def test_verdicts_are_written_on_transitions_only(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        await node.becomes("a1", ready=True)
        first = await node.revision("a1")
        await node.probed_again("a1", 10)
        assert await node.revision("a1") == first
        node.outcomes["a1"] = REFUSED
        unready = await node.becomes("a1", ready=False)
        assert (unready.started, unready.reason) == (True, REFUSED.reason)
        second = await node.revision("a1")
        await node.probed_again("a1", 10)
        assert await node.revision("a1") == second


async def test_a_flapping_check_stays_ready_below_its_threshold(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        await node.becomes("a1", ready=True)
        revision = await node.revision("a1")
        node.flapping.add("a1")
        await node.probed_again("a1", 12)
        assert await node.revision("a1") == revision


async def test_a_restarted_checker_writes_nothing_again_and_does_not_flap(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        await node.record("b1")
        node.outcomes["b1"] = PASSED
        await node.becomes("a1", ready=True)
        await node.becomes("b1", ready=True)
        node.outcomes["b1"] = REFUSED
        await node.becomes("b1", ready=False)
    revisions = await node.revision("a1"), await node.revision("b1")
    assert None not in revisions, "a dead checker takes no verdict with it"
    async with checker(node):
        await node.probed_again("a1")
        await node.probed_again("b1")
        assert (await node.revision("a1"), await node.revision("b1")) == revisions


async def test_a_new_run_starts_anew_and_only_its_own_pass_makes_it_ready(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        first = await node.becomes("a1", ready=True)
        node.outcomes["a1"] = REFUSED
        again = await node.record("a1", started=now(), restarts=1)
        await node.probed_again("a1")
        assert await node.verdict("a1") == first, "nothing is said on the new run yet"
        node.outcomes["a1"] = PASSED
        await eventually(lambda: of_run(node, again.started))


async def of_run(node: Node, run: datetime | None) -> bool:
    verdict = await node.verdict("a1")
    return verdict is not None and verdict.ready and verdict.run == run


async def test_an_instance_that_does_not_run_is_not_probed_and_keeps_its_verdict(node: Node) -> None:
    async with checker(node) as daemon:
        instance = await node.record("a1")
        first = await node.becomes("a1", ready=True)
        await node.record("a1", state="exited", started=instance.started)
        await eventually(lambda: daemon.registry.get_sample_value("deis_health_checker_targets") == 0)
        assert await node.verdict("a1") == first
        await node.record("c1")
        await node.becomes("c1", ready=True)
        assert await node.verdict("a1") == first


async def test_a_deleted_instance_takes_its_verdict_along(node: Node) -> None:
    async with checker(node) as daemon:
        await node.record("a1")
        await node.record("b1")
        await node.becomes("a1", ready=True)
        await node.becomes("b1", ready=True)
        await node.forget("a1")
        await eventually(lambda: gone(node, "a1"))
        assert daemon.registry.get_sample_value("deis_health_checker_targets") == 1
        assert await node.verdict("b1") is not None


async def gone(node: Node, id_: str) -> bool:
    return await node.verdict(id_) is None


async def test_a_checker_that_starts_deletes_no_verdict_whose_instance_it_does_not_see(node: Node) -> None:
    verdict = Health(started=True, ready=True, live=True, since=now(), run=now())
    await Shelf(node.store, KEYS.health).put(verdict, "n1", "shop", "a1")
    async with checker(node) as daemon:
        await node.record("b1")
        await node.becomes("b1", ready=True)
        await eventually(lambda: daemon.loops["write_verdicts"].status.runs > 1)
        assert await node.verdict("a1") == verdict


async def test_a_verdict_found_while_the_store_was_away_is_written_when_it_is_back(node: Node) -> None:
    store = node.store.fork()
    away = Node(store, node.outcomes, node.probed)
    daemon = Daemon("health_checker", CollectorRegistry())

    @asynccontextmanager
    async def open_probes(_: HealthCheckerSettings) -> AsyncIterator[dict[str, Opened]]:
        yield {"tcp": Opened(away.probe, 256)}

    async with supervise(checker=check(daemon, HealthCheckerSettings(node="n1"), store, open_probes)):
        await node.record("a1")
        first = await node.becomes("a1", ready=True)
        store.unavailable = True
        node.outcomes["a1"] = REFUSED
        await eventually(lambda: daemon.loops["write_verdicts"].status.failures > 0)
        assert await node.verdict("a1") == first
        store.unavailable = False
        await node.becomes("a1", ready=False)


async def test_a_verdict_that_someone_deleted_is_written_again(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        first = await node.becomes("a1", ready=True)
        await Shelf(node.store, KEYS.health).delete("n1", "shop", "a1")
        assert await eventually(lambda: node.verdict("a1")) == first


async def test_a_bug_in_one_probe_does_not_end_the_checks_of_the_others(node: Node) -> None:
    node.broken.add("a1")
    async with checker(node):
        await node.record("a1")
        await node.record("b1")
        await node.becomes("b1", ready=True)
        verdict = await node.becomes("a1", ready=False)
        assert verdict.reason == "the probe broke: RuntimeError"


async def test_no_more_probes_than_allowed_are_in_flight(node: Node) -> None:
    most, running, release = 0, 0, asyncio.Event()

    async def slow(target: Target, check: Check, action: object) -> Outcome:
        nonlocal most, running
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return PASSED

    @asynccontextmanager
    async def open_probes(_: HealthCheckerSettings) -> AsyncIterator[dict[str, Opened]]:
        yield {"tcp": Opened(slow, 3)}

    daemon = Daemon("health_checker", CollectorRegistry())
    settings = HealthCheckerSettings(node="n1")
    async with supervise(checker=check(daemon, settings, node.store.fork(), open_probes)):
        for number in range(8):
            await node.record(f"i{number}")
        await eventually(lambda: daemon.registry.get_sample_value("deis_health_checker_targets") == 8)
        await eventually(lambda: running == 3)
        release.set()
        for number in range(8):
            await node.becomes(f"i{number}", ready=True)
    assert most == 3


def test_an_instance_without_a_check_gets_the_default_of_what_it_has() -> None:
    bare = Instance(
        id="a1", name="a1", node="n1", app="shop", app_uuid="u", type="web", number=1, release=1, state="running"
    )
    target: Callable[[Instance], Target | None] = target_of
    with_port, without = target(bare.changed(port=5000)), target(bare)
    assert with_port is not None
    assert without is not None
    assert with_port.readiness == Check(tcp=TcpAction())
    assert without.readiness == Check(stays_up=StaysUp())
    assert target(bare.changed(state="exited")) is None


def test_a_one_off_run_is_not_probed() -> None:
    run = Instance(
        id="a1", name="a1", node="n1", app="shop", app_uuid="u", type="run", number=1, release=1, state="running"
    )
    assert target_of(run) is not None
    assert target_of(run.changed(once=True)) is None
