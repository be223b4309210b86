"""Which logger: every agent the same one, and none is left because the store forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.loglines.sharing import logger_of
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.log_agent.loggers import Loggers
from tests.support.waiting import eventually

KEYS = Keyspace()
APPS = [f"uuid-{n}" for n in range(200)]


def member(id_: str, *, port: int = 1) -> MeshMember:
    return MeshMember(service="logger", id=id_, node=id_, url=f"http://{id_}:{port}", started=now())


class Node:
    """A node's view of the loggers, with a clock that a test sets."""

    def __init__(self) -> None:
        self.at = 0.0
        self.store = MemoryStore()
        self.mirror = Mirror(self.store, KEYS.mesh, "logger")
        self.loggers = Loggers(self.mirror, hold=10, clock=lambda: self.at)
        self._shelf = Shelf(self.store.fork(), KEYS.mesh)

    async def sees(self, *members: MeshMember) -> None:
        present = {one.id: one for one in members}
        gone = {one.id for _, one in self.mirror.items()} - present.keys()
        for id_ in gone:
            await self._shelf.delete("logger", id_)
        for one in members:
            await self._shelf.put(one, "logger", one.id)
        await eventually(lambda: {one.id: one for _, one in self.mirror.items()} == present)

    def looks(self, at: float) -> float | None:
        self.at = at
        return self.loggers.look()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    async with supervise(mirror=node.mirror.run()):
        await eventually(lambda: node.mirror.current)
        yield node


async def test_apps_are_shared_as_every_other_daemon_shares_them(node: Node) -> None:
    assert node.loggers.owner("uuid-1") is None
    members = [member("a"), member("b"), member("c")]
    await node.sees(*members)
    assert node.looks(0) is None
    owners = {app: node.loggers.owner(app) for app in APPS}
    assert set(owners.values()) == {"a", "b", "c"}
    for app, owner in owners.items():
        chosen = logger_of(app, members)
        assert chosen is not None
        assert chosen.id == owner


async def test_one_that_vanished_keeps_its_apps_for_a_moment_and_then_only_they_move(node: Node) -> None:
    await node.sees(member("a"), member("b"), member("c"))
    node.looks(0)
    before = {app: node.loggers.owner(app) for app in APPS}
    await node.sees(member("a"), member("c"))
    assert node.looks(100) == 10
    assert {app: node.loggers.owner(app) for app in APPS} == before
    assert node.looks(104) == 6
    assert node.looks(110) is None
    after = {app: node.loggers.owner(app) for app in APPS}
    assert "b" not in after.values()
    assert all(after[app] == owner for app, owner in before.items() if owner != "b")
    await node.sees(member("a"), member("b"), member("c"))
    node.looks(111)
    assert {app: node.loggers.owner(app) for app in APPS} == before


async def test_one_that_is_back_in_time_was_never_away(node: Node) -> None:
    await node.sees(member("a"), member("b"))
    node.looks(0)
    await node.sees(member("a"))
    node.looks(100)
    await node.sees(member("a"), member("b", port=2))
    assert node.looks(105) is None
    assert node.loggers.held["b"].url == "http://b:2"
    await node.sees(member("a"))
    assert node.looks(109) == 10  # the time of the absence before does not count


async def test_the_last_logger_is_left_for_nobody(node: Node) -> None:
    await node.sees(member("a"))
    node.looks(0)
    await node.sees()
    node.looks(1)
    node.looks(1000)
    assert node.loggers.owner("uuid-1") == "a"
    await node.sees(member("b"))
    node.looks(1001)
    assert node.loggers.owner("uuid-1") == "b"


async def test_while_the_mirror_is_in_doubt_nobody_is_given_up(node: Node) -> None:
    await node.sees(member("a"), member("b"))
    node.looks(0)
    await node.sees(member("a"))
    node.looks(1)
    node.store.unavailable = True
    await eventually(lambda: not node.mirror.current)
    node.looks(1000)
    assert set(node.loggers.held) == {"a", "b"}
    node.store.unavailable = False
    await eventually(lambda: node.mirror.current)
    assert node.looks(1001) == 10  # it is counted anew from when the watch stands again
    node.looks(1011)
    assert set(node.loggers.held) == {"a"}
