from __future__ import annotations

import os
import signal

from libs.keyspace.records import Service
from tests.integration.publisher.node import Node
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually


def changes(node: Node) -> list[tuple[str, Service | None]]:
    """What happens to published addresses from now on."""
    found: list[tuple[str, Service | None]] = []
    node.services.on_change(lambda moves: found.extend((move.parts[1], move.new) for move in moves))
    return found


async def test_a_killed_engine_withdraws_nothing_and_what_happened_meanwhile_is_made_good(
    mortal_node: Node, own_docker_engine: Dockerd
) -> None:
    node = mortal_node
    async with node.agents():
        await node.routed("a1")
        await node.routed("b1")
        seen, pid = changes(node), node.pid("b1")
        own_docker_engine.kill9()
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: ("b1", False) in [(id_, new.ready if new else None) for id_, new in seen])
        assert node.service("b1") is not None, "its checker says unready; only the engine can say that it exited"
        own_docker_engine.start()
        run = next(new.run for id_, new in seen if id_ == "b1" and new)
        await eventually(lambda: (one := node.service("b1")) is not None and one.ready and one.run != run)
        assert "a1" not in [id_ for id_, _ in seen]


async def test_a_killed_store_changes_nothing_and_what_happened_meanwhile_is_made_good(
    mortal_node: Node, own_etcd: EtcdServer
) -> None:
    node = mortal_node
    async with node.agents():
        await node.routed("a1")
        await node.routed("b1")
        seen = changes(node)
        own_etcd.kill9()
        await node.engine.stop("shop_v2.web.1-b1", grace=0)
        await node.start("c1")
        own_etcd.start()
        await eventually(lambda: node.service("c1"))
        await eventually(lambda: node.service("b1") is None)
        assert "a1" not in [id_ for id_, _ in seen]
