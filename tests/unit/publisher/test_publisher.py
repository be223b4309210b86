from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.engine.drivers.memory import Host, MemoryEngine
from libs.engine.engine import Identity, InstanceSpec
from libs.engine.errors import EngineUnavailable
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Check, Checks, Health, Instance, Node, Retiring, Service, TcpAction
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.publisher.serve import publish
from services.publisher.settings import PublisherSettings
from tests.support.waiting import eventually

KEYS = Keyspace()
CHECKS = Checks(readiness=Check(tcp=TcpAction()))


@dataclass
class Platform:
    """A store and an engine, and what others than the publisher do to them."""

    store: MemoryStore = field(default_factory=MemoryStore)
    engine: MemoryEngine = field(default_factory=lambda: MemoryEngine(Host(restart_delay=3600)))

    def __post_init__(self) -> None:
        for type_ in ("web", "worker"):
            self.engine.add_image(type_, ports=(5000,))

    async def start(self, id_: str, *, type_: str = "web") -> str:
        identity = Identity(id=id_, app="shop", app_uuid="u", type=type_, number=1, release=2)
        image = await self.engine.resolve(type_)
        port = 5000 if type_ == "web" else None
        await self.engine.start(InstanceSpec(identity, image.digest, port=port, checks=CHECKS.model_dump_json()))
        return identity.name

    async def instance(self, id_: str) -> Instance | None:
        found = await Shelf(self.store, KEYS.instances).get("n1", "shop", id_)
        return found.document if found else None

    async def service(self, id_: str) -> Service | None:
        found = await Shelf(self.store, KEYS.services).get("shop", id_)
        return found.document if found else None

    async def judge(self, id_: str, *, ready: bool, live: bool = True, confirmed: datetime | None = None) -> None:
        seen = await eventually(lambda: self.instance(id_))
        verdict = Health(started=True, ready=ready, live=live, since=now(), run=seen.started, confirmed=confirmed)
        await Shelf(self.store, KEYS.health).put(verdict, "n1", "shop", id_)

    async def retire(self, id_: str) -> None:
        word = Retiring(reason="replaced", since=now(), deadline=now() + timedelta(seconds=30))
        await Shelf(self.store, KEYS.retiring).put(word, "n1", "shop", id_)

    async def routed(self, id_: str) -> Service:
        """Start an instance that becomes ready and is published."""
        await self.start(id_)
        await self.judge(id_, ready=True)
        return await eventually(lambda: self.service(id_))

    async def revision(self) -> int:
        return (await self.store.identity()).revision


@asynccontextmanager
async def publisher(
    platform: Platform, *, engine: MemoryEngine | None = None, node: str = "n1"
) -> AsyncIterator[Daemon]:
    """One life of the publisher. It looks only when something happens."""
    daemon = Daemon("publisher", CollectorRegistry())
    settings = PublisherSettings(node=node, publisher_look_seconds=3600)
    work = publish(daemon, settings, platform.store.fork(), engine or platform.engine.fork())
    async with supervise(publisher=work):
        yield daemon


def is_ready(daemon: Daemon) -> Callable[[], bool]:
    return lambda: bool(daemon.ready) and all(holds() for holds in daemon.ready.values())


@pytest.fixture
def platform() -> Platform:
    return Platform()


async def test_what_the_engine_has_is_recorded(platform: Platform) -> None:
    async with publisher(platform):
        name = await platform.start("a1")
        found = await eventually(lambda: platform.instance("a1"))
        assert (found.name, found.state, found.checks, found.port) == (name, "running", CHECKS, 5000)
        assert found.started is not None


async def test_an_instance_is_published_when_it_is_ready_and_follows_its_verdict(platform: Platform) -> None:
    async with publisher(platform):
        first = await platform.routed("a1")
        assert first.ready
        await platform.judge("a1", ready=False)
        unready = await eventually(lambda: platform.service("a1"), what="it stays published")
        while unready.ready:
            unready = await eventually(lambda: platform.service("a1"))
        assert unready.published == first.published


async def test_a_verdict_that_only_answers_a_suspicion_is_passed_on(platform: Platform) -> None:
    async with publisher(platform):
        first = await platform.routed("a1")
        assert first.confirmed is None
        answered = now()
        await platform.judge("a1", ready=True, confirmed=answered)

        async def passed_on() -> bool:
            return await platform.service("a1") == first.model_copy(update={"confirmed": answered})

        await eventually(passed_on)


async def test_one_that_is_not_live_stays_published_until_it_retires(platform: Platform) -> None:
    async with publisher(platform) as daemon:
        first = await platform.routed("a1")
        runs = daemon.loops["publish_services"].status.runs
        await platform.judge("a1", ready=True, live=False)
        await eventually(lambda: daemon.loops["publish_services"].status.runs > runs)
        assert await platform.service("a1") == first
        await platform.retire("a1")
        await eventually(lambda: gone(platform, "a1"))


async def test_a_crash_withdraws_the_address_and_a_new_pass_publishes_it_again(platform: Platform) -> None:
    platform.engine.host.restart_delay = 0.01
    async with publisher(platform):
        first = await platform.routed("a1")
        platform.engine.kill("shop_v2.web.1-a1")

        async def withdrawn() -> bool:
            seen = await platform.instance("a1")
            return seen is not None and seen.started != first.run and await platform.service("a1") is None

        await eventually(withdrawn, what="the address of the crashed run is withdrawn")
        await platform.judge("a1", ready=True)
        again = await eventually(lambda: platform.service("a1"))
        assert again.run != first.run
        assert again.published > first.published


async def test_a_crash_withdraws_the_address_before_the_engine_has_answered_again(platform: Platform) -> None:
    engine = platform.engine.fork()
    async with publisher(platform, engine=engine):
        await platform.routed("a1")
        engine.delay = 3600
        platform.engine.kill("shop_v2.web.1-a1")
        await eventually(lambda: gone(platform, "a1"))
        recorded = await platform.instance("a1")
        assert recorded is not None
        assert recorded.state == "running", "nothing was read yet"


async def test_a_retiring_instance_is_withdrawn(platform: Platform) -> None:
    async with publisher(platform):
        await platform.routed("a1")
        await platform.retire("a1")
        await eventually(lambda: gone(platform, "a1"))
        assert await platform.instance("a1") is not None


async def gone(platform: Platform, id_: str) -> bool:
    return await platform.service(id_) is None


async def test_a_removed_container_leaves_no_record(platform: Platform) -> None:
    async with publisher(platform):
        await platform.routed("a1")
        await platform.routed("b1")
        platform.engine.vanish("shop_v2.web.1-a1")

        async def absent() -> bool:
            return await platform.instance("a1") is None and await platform.service("a1") is None

        await eventually(absent)
        assert await platform.service("b1") is not None


async def test_a_worker_is_recorded_and_never_published(platform: Platform) -> None:
    async with publisher(platform) as daemon:
        await platform.start("w1", type_="worker")
        await platform.judge("w1", ready=True)
        await platform.routed("a1")
        assert await platform.service("w1") is None
        assert daemon.loops["publish_services"].status.failures == 0


async def test_a_dead_publisher_withdraws_nothing_and_a_new_one_writes_nothing_again(platform: Platform) -> None:
    async with publisher(platform):
        first = await platform.routed("a1")
        await eventually(lambda: platform.store.get(KEYS.nodes.key("n1")))
    await eventually(lambda: absent_node(platform), what="the presence ends with the daemon")
    assert await platform.service("a1") == first
    before = await platform.store.list("/deis/")
    async with publisher(platform) as daemon:
        await eventually(is_ready(daemon))
        await eventually(lambda: daemon.loops["publish_services"].status.runs >= 1)
        after = await platform.store.list("/deis/")
    leased = ("/deis/nodes/", "/deis/mesh/")
    assert [entry for entry in after.entries if not entry.key.startswith(leased)] == [
        entry for entry in before.entries if not entry.key.startswith(leased)
    ]


async def absent_node(platform: Platform) -> bool:
    return await platform.store.get(KEYS.nodes.key("n1")) is None


async def test_what_happened_while_the_publisher_was_dead_is_made_good(platform: Platform) -> None:
    async with publisher(platform):
        await platform.routed("a1")
        await platform.routed("b1")
    platform.engine.kill("shop_v2.web.1-a1")
    platform.engine.vanish("shop_v2.web.1-b1")
    await platform.start("c1")
    async with publisher(platform):
        await platform.judge("c1", ready=True)
        await eventually(lambda: platform.service("c1"))
        await eventually(lambda: gone(platform, "a1"))
        await eventually(lambda: gone(platform, "b1"))
        assert await platform.instance("b1") is None
        crashed = await platform.instance("a1")
        assert crashed is not None
        assert (crashed.state, crashed.exit_code) == ("restarting", 137)


async def test_an_engine_that_does_not_answer_withdraws_nothing(platform: Platform) -> None:
    engine = platform.engine.fork()
    async with publisher(platform, engine=engine) as daemon:
        first = await platform.routed("a1")
        engine.go_away()
        daemon.loops["publish_instances"].wake("test")
        await eventually(lambda: daemon.loops["publish_instances"].status.failures > 0)
        assert await platform.service("a1") == first
        assert await platform.instance("a1") is not None
        await platform.retire("a1")  # what others say is followed all the same
        await eventually(lambda: gone(platform, "a1"))
        engine.come_back()
        await platform.start("b1")
        await eventually(lambda: platform.instance("b1"))


async def test_a_publisher_that_starts_without_an_engine_holds_what_is(platform: Platform) -> None:
    async with publisher(platform):
        first = await platform.routed("a1")
        await platform.routed("b1")
    engine = platform.engine.fork()
    engine.go_away()
    async with publisher(platform, engine=engine) as daemon:
        await platform.judge("b1", ready=False)
        await eventually(lambda: unready(platform, "b1"), what="recorded instances follow their verdicts")
        await eventually(lambda: daemon.loops["publish_instances"].status.failures > 0)
        assert not is_ready(daemon)()
        assert await platform.service("a1") == first
        engine.come_back()
        await eventually(is_ready(daemon))
        assert await platform.service("a1") == first


async def unready(platform: Platform, id_: str) -> bool:
    found = await platform.service(id_)
    return found is not None and not found.ready


async def test_a_checker_that_lost_its_verdicts_empties_no_pool(platform: Platform) -> None:
    async with publisher(platform) as daemon:
        first = await platform.routed("a1")
        runs = daemon.loops["publish_services"].status.runs
        await Shelf(platform.store, KEYS.health).delete("n1", "shop", "a1")
        await eventually(lambda: daemon.loops["publish_services"].status.runs > runs)
        assert await platform.service("a1") == first


async def test_a_store_that_was_away_is_brought_up_to_date(platform: Platform) -> None:
    store = platform.store.fork()
    async with publisher(Platform(store, platform.engine)):
        await platform.routed("a1")
    daemon = Daemon("publisher", CollectorRegistry())
    work = publish(daemon, PublisherSettings(node="n1", publisher_look_seconds=3600), store, platform.engine.fork())
    async with supervise(publisher=work):
        await eventually(is_ready(daemon))
        store.unavailable = True
        platform.engine.kill("shop_v2.web.1-a1")
        await platform.start("b1")
        await eventually(lambda: daemon.loops["publish_services"].status.failures > 0)
        store.unavailable = False
        await eventually(lambda: gone(platform, "a1"))
        await eventually(lambda: platform.instance("b1"))


async def test_records_of_another_node_are_left_alone(platform: Platform) -> None:
    async with publisher(platform):
        first = await platform.routed("a1")
    async with publisher(platform, engine=MemoryEngine(), node="n2") as daemon:
        await eventually(is_ready(daemon))
        await eventually(lambda: daemon.loops["publish_services"].status.runs > 1)
        assert await platform.service("a1") == first
        assert await platform.instance("a1") is not None


async def test_a_record_that_someone_deleted_is_written_again(platform: Platform) -> None:
    async with publisher(platform):
        await platform.routed("a1")
        await platform.store.delete(KEYS.instances.key("n1", "shop", "a1"))
        await eventually(lambda: platform.instance("a1"))
        await platform.store.delete(KEYS.services.key("shop", "a1"))
        await eventually(lambda: platform.service("a1"))


async def test_a_broken_event_stream_is_opened_again_and_everything_looked_at(platform: Platform) -> None:
    engine = platform.engine.fork()
    async with publisher(platform, engine=engine):
        await platform.routed("a1")
        engine.break_streams()
        await platform.start("b1")
        await eventually(lambda: platform.instance("b1"))


async def test_the_node_and_the_daemon_are_present_while_it_runs(platform: Platform) -> None:
    async with publisher(platform):
        entry = await eventually(lambda: platform.store.get(KEYS.nodes.key("n1")))
        node = Node.decode(entry.value)
        assert node.address == "127.0.0.1"
        assert node.cpus >= 1
        assert 0 < node.reserved <= node.memory / 10
        await eventually(lambda: platform.store.get(KEYS.mesh.key("publisher", "n1")))
        platform.store.expire()
        await eventually(lambda: platform.store.get(KEYS.nodes.key("n1")))


async def test_a_container_that_is_no_instance_is_counted_and_left_alone(platform: Platform) -> None:
    platform.engine.add_stranger("odd")
    async with publisher(platform) as daemon:
        await platform.routed("a1")
        assert daemon.registry.get_sample_value("deis_publisher_strangers") == 1
        assert daemon.registry.get_sample_value("deis_publisher_instances", {"state": "running"}) == 1


async def test_an_error_that_nobody_expects_ends_the_daemon(platform: Platform) -> None:
    engine = platform.engine.fork()
    engine.fail_with("instances", RuntimeError("a bug"))
    with pytest.raises(ExceptionGroup) as caught:
        async with publisher(platform, engine=engine):
            await eventually(lambda: False)
    assert caught.group_contains(RuntimeError, match="a bug")
    engine.fail_with("instances", EngineUnavailable("away"))
    async with publisher(platform, engine=engine) as daemon:
        await eventually(lambda: daemon.loops["publish_instances"].status.failures > 0)
