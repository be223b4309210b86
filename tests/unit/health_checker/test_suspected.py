from __future__ import annotations

from datetime import timedelta

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Check, Checks, TcpAction
from libs.store.shelf import Shelf
from services.health_checker.probe import PASSED
from tests.support.waiting import eventually
from tests.unit.health_checker.node import KEYS, REFUSED, Node, checker

SELDOM = Checks(readiness=Check(tcp=TcpAction(), period_seconds=36_000))


@pytest.fixture
def node() -> Node:
    return Node()


async def test_a_suspected_instance_that_passes_is_confirmed_without_waiting_for_its_period(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        up = await node.becomes("a1", ready=True)
        since = now()
        await node.suspect("r1", since, "a1")
        answer = await node.confirms("a1", since)
        assert (answer.ready, answer.since) == (True, up.since)


async def test_a_router_whose_clock_is_ahead_gets_its_answer_too(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        await node.becomes("a1", ready=True)
        ahead = now() + timedelta(hours=1)
        await node.suspect("r1", ahead, "a1")
        assert (await node.confirms("a1", ahead)).confirmed == ahead


async def test_a_suspected_instance_that_fails_becomes_unready_soon_and_is_confirmed_when_it_passes(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        await node.becomes("a1", ready=True)
        node.outcomes["a1"] = REFUSED
        since = now()
        await node.suspect("r1", since, "a1")
        assert (await node.becomes("a1", ready=False)).confirmed is None
        node.outcomes["a1"] = PASSED
        assert (await node.confirms("a1", since)).ready


async def test_two_routers_are_answered_at_once_by_the_latest_of_their_suspicions(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        await node.becomes("a1", ready=True)
        node.outcomes["a1"] = REFUSED
        first, second = now() + timedelta(minutes=1), now() + timedelta(minutes=2)
        await node.suspect("r1", second, "a1")
        await node.suspect("r2", first, "a1")
        await node.becomes("a1", ready=False)
        node.outcomes["a1"] = PASSED
        assert (await node.confirms("a1", first)).confirmed == second
        revision, probes = await node.revision("a1"), len(node.probed)
        await node.suspect("r3", first, "a1")
        await node.record("b1", checks=SELDOM)
        await node.becomes("b1", ready=True)
        assert await node.revision("a1") == revision
        assert node.probed[probes:] == ["b1"]


async def test_no_probe_is_made_for_a_suspicion_of_another_run_an_ended_one_or_another_nodes_instance(
    node: Node,
) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        await node.becomes("a1", ready=True)
        await node.suspect("r1", now() - timedelta(hours=1), "a1", "elsewhere")
        await node.suspect("r2", now())
        await Shelf(node.store, KEYS.routers).delete("r1")
        await node.record("b1", checks=SELDOM)
        await node.becomes("b1", ready=True)
        assert node.probed == ["a1", "b1"]


async def test_a_checker_that_begins_answers_what_routers_suspect_already_and_only_that(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=SELDOM)
        await node.record("b1", checks=SELDOM)
        await node.becomes("a1", ready=True)
        await node.becomes("b1", ready=True)
    since = now()
    await node.suspect("r1", since, "a1")
    async with checker(node):
        await node.confirms("a1", since)
    revision = await node.revision("a1")
    async with checker(node) as daemon:
        await eventually(lambda: daemon.registry.get_sample_value("deis_health_checker_targets") == 2)
        await node.record("c1", checks=SELDOM)
        await node.becomes("c1", ready=True)
        assert await node.revision("a1") == revision, "it was answered by an earlier checker"
