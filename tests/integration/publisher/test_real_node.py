from __future__ import annotations

from libs.keyspace.records import Service
from tests.integration.publisher.node import Node
from tests.support.waiting import eventually


def other_run(service: Service | None, than: Service) -> Service | None:
    return service if service is not None and service.run != than.run else None


async def test_a_container_that_answers_is_published_with_its_own_address(node: Node) -> None:
    async with node.agents():
        service = await node.routed("a1")
        seen = next(one for one in (await node.engine.instances()).instances if one.identity.id == "a1")
        assert (service.address, service.port, service.ready) == (seen.address, 5000, True)
        assert service.run == seen.started


async def test_a_crash_is_withdrawn_and_the_restarted_process_published_again(node: Node) -> None:
    async with node.agents():
        first = await node.routed("a1")
        node.daemon.kill_process("shop_v2.web.1-a1")
        again = await eventually(lambda: other_run(node.service("a1"), first))
        assert again.address == first.address
        crashed = node.instance("a1")
        assert crashed is not None
        assert (crashed.restarts, crashed.exit_code) == (1, 137)


async def test_a_process_that_only_crashes_is_never_published_and_its_exits_are_told(node: Node) -> None:
    async with node.agents():
        await node.start("a1", command=("sh", "-c", "exit 3"))
        await eventually(lambda: (one := node.instance("a1")) and (one.restarts >= 2, one.exit_code) == (True, 3))
        assert node.service("a1") is None


async def test_a_container_that_does_not_answer_its_check_is_not_published(node: Node) -> None:
    async with node.agents():
        await node.start("a1", command=("sleep", "1000"))
        await node.routed("b1")
        assert node.service("a1") is None
        assert node.instance("a1") is not None


async def test_a_container_that_was_removed_leaves_no_record(node: Node) -> None:
    async with node.agents():
        await node.routed("a1")
        await node.engine.stop("shop_v2.web.1-a1", grace=0)
        await eventually(lambda: (one := node.instance("a1")) and one.state == "exited")
        await eventually(lambda: node.service("a1") is None)
        await node.engine.remove("shop_v2.web.1-a1")
        await eventually(lambda: node.instance("a1") is None)


async def test_a_publisher_that_was_killed_withdraws_nothing_and_its_successor_makes_good(node: Node) -> None:
    async with node.process("health_checker"):
        async with node.process("publisher") as publisher:
            first = await node.routed("a1")
            await node.routed("b1")
            publisher.kill()
            await publisher.wait()
        assert node.service("a1") == first
        await node.engine.stop("shop_v2.web.1-b1", grace=0)
        await node.start("c1")
        assert node.service("b1") is not None, "nobody is there to withdraw it"
        async with node.process("publisher"):
            await eventually(lambda: node.service("c1"))
            await eventually(lambda: node.service("b1") is None)
            assert node.service("a1") == first


async def test_a_checker_that_was_killed_changes_nothing_and_its_successor_goes_on(node: Node) -> None:
    async with node.agents(checker=False):
        async with node.process("health_checker") as checker:
            first = await node.routed("a1")
            checker.kill()
            await checker.wait()
        async with node.process("health_checker"):
            await node.routed("b1")
            assert node.service("a1") == first


async def test_a_frozen_process_turns_unready_and_ready_again(node: Node) -> None:
    async with node.agents():
        first = await node.routed("a1")
        node.daemon.ask("POST", "/containers/shop_v2.web.1-a1/pause")
        try:
            await eventually(lambda: (now := node.service("a1")) is not None and not now.ready)
        finally:
            node.daemon.ask("POST", "/containers/shop_v2.web.1-a1/unpause")
        await eventually(lambda: node.service("a1") == first)
