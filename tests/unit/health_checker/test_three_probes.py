from __future__ import annotations

import pytest

from libs.keyspace.records import Check, Checks, Health, TcpAction
from services.health_checker.probe import PASSED
from tests.support.waiting import eventually
from tests.unit.health_checker.node import OFTEN, REFUSED, Node, checker

ALL = Checks(
    startup=Check(tcp=TcpAction(), period_seconds=60),
    readiness=OFTEN,
    liveness=OFTEN.changed(timeout_seconds=2),
)


@pytest.fixture
def node() -> Node:
    return Node()


async def becomes_live(node: Node, id_: str, *, live: bool) -> Health:
    async def found() -> Health | None:
        verdict = await node.verdict(id_)
        return verdict if verdict is not None and verdict.live is live else None

    return await eventually(found, what=f"{id_} becomes {'live' if live else 'not live'}")


async def test_startup_is_probed_alone_until_it_passed(node: Node) -> None:
    node.outcomes["a1 startup"] = REFUSED
    async with checker(node):
        await node.record("a1", checks=ALL)
        await node.probed_again("a1", 10)
        assert set(node.roles) == {"startup"}
        node.outcomes["a1 startup"] = PASSED
        verdict = await node.becomes("a1", ready=True)
        assert (verdict.started, verdict.live) == (True, True)
        await eventually(lambda: "liveness" in node.roles)
        first = node.roles.index("readiness")
        await node.probed_again("a1", 10)
        assert "startup" not in node.roles[first:]


async def test_what_does_not_start_in_its_budget_is_recorded_as_not_live_and_as_live_once_it_starts(node: Node) -> None:
    node.outcomes["a1 startup"] = REFUSED
    quick = Check(tcp=TcpAction(), period_seconds=0.1, failure_threshold=3)
    async with checker(node):
        await node.record("a1", checks=ALL.changed(startup=quick))
        verdict = await becomes_live(node, "a1", live=False)
        assert (verdict.started, verdict.ready) == (False, False)
        assert verdict.live_reason == f"did not start within 0.3 s: {REFUSED.reason}"
    revision = await node.revision("a1")
    async with checker(node):
        await node.probed_again("a1")
        assert await node.revision("a1") == revision, "the next checker has nothing to add"
        node.outcomes["a1 startup"] = PASSED
        await becomes_live(node, "a1", live=True)


async def test_one_that_fails_its_liveness_check_is_recorded_as_not_live_while_it_is_ready(node: Node) -> None:
    async with checker(node):
        await node.record("a1", checks=ALL)
        await node.becomes("a1", ready=True)
        node.outcomes["a1 liveness"] = REFUSED
        down = await becomes_live(node, "a1", live=False)
        assert (down.started, down.ready, down.live_reason) == (True, True, REFUSED.reason)
    revision = await node.revision("a1")
    async with checker(node):
        await node.probed_again("a1", 20)
        assert await node.revision("a1") == revision
        node.outcomes["a1 liveness"] = PASSED
        up = await becomes_live(node, "a1", live=True)
        assert (up.ready, up.live_reason) == (True, "")


async def test_what_is_unready_without_a_liveness_check_is_live(node: Node) -> None:
    async with checker(node):
        await node.record("a1")
        await node.becomes("a1", ready=True)
        node.outcomes["a1"] = REFUSED
        assert (await node.becomes("a1", ready=False)).live
