"""Scale, restart, and what is kept true between deploys; and what absence does not mean."""

from __future__ import annotations

from functools import partial

from libs.engine import EngineUnavailable
from libs.keyspace import records as r
from libs.keyspace.records.logs import PLATFORM
from libs.store.shelf import Shelf
from tests.support.deployer.platform import NODE, MemoryPlatform
from tests.support.waiting import eventually


async def scale(platform: MemoryPlatform, app: r.App, **counts: int) -> None:
    revision = await platform.change(app, formation=counts)
    assert (await platform.settled(app, 2, revision)).phase == "done"


async def test_a_scale_starts_and_stops_only_the_difference(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    await scale(platform, app, cmd=4)
    await platform.only(*(f"v2 cmd.{number}" for number in (1, 2, 3, 4)))
    assert before <= {i.identity.id for i in await platform.there()}
    await scale(platform, app, cmd=1)
    await platform.only("v2 cmd.1")
    await scale(platform, app, cmd=0)
    await platform.only()
    await scale(platform, app, cmd=2)
    await platform.only("v2 cmd.1", "v2 cmd.2")


async def test_a_restart_replaces_each_under_a_new_id(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 3})
    before = {i.identity.number: i.identity.id for i in await platform.there()}
    revision = await platform.change(app, restarts={"cmd.2": 1})
    assert (await platform.settled(app, 2, revision)).phase == "done"
    await platform.only("v2 cmd.1", "v2 cmd.2", "v2 cmd.3")
    after = {i.identity.number: i.identity.id for i in await platform.there()}
    assert {number for number in before if before[number] != after[number]} == {2}
    revision = await platform.change(app, restarts={"cmd.2": 1, "": 1})
    assert (await platform.settled(app, 2, revision)).phase == "done"
    await platform.only("v2 cmd.1", "v2 cmd.2", "v2 cmd.3")
    last = {i.identity.number: i.identity.id for i in await platform.there()}
    assert set(last.values()).isdisjoint(after.values())


async def test_an_app_that_changes_otherwise_is_settled_without_a_step(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    before = [i.identity.id for i in await platform.there()]
    revision = await platform.change(app, collaborators=("bob",))
    rollout = await platform.settled(app, 2, revision)
    assert rollout.phase == "done"
    assert [i.identity.id for i in await platform.there()] == before
    assert await platform.events(app) == ["deployed"]


async def test_a_vanished_container_is_replaced_under_a_new_id(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance()
    platform.memory.vanish(old.name)
    await platform.only("v2 cmd.1")
    assert platform.instance().identity.id != old.identity.id


async def test_a_container_stopped_by_hand_is_started_again(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance()
    await platform.memory.stop(old.name, grace=0)
    await platform.only("v2 cmd.1")
    assert platform.instance().identity.id == old.identity.id


async def test_a_crash_later_is_told_once_and_left_to_the_engine(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance()
    platform.host.restart_delay = 0.2
    platform.memory.kill(old.name)
    await eventually(lambda: _has(platform, app, "crashed"))
    await eventually(lambda: platform.instance().state == "running")
    assert platform.instance().identity.id == old.identity.id
    assert (await platform.events(app)).count("crashed") == 1


async def _has(platform: MemoryPlatform, app: r.App, kind: str) -> bool:
    return kind in await platform.events(app)


async def test_a_dead_publisher_starts_no_duplicates(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    platform.agents.publishing = False
    await platform.agents.take_note()
    for stored in await Shelf(platform.store, platform.keys.instances).list():
        await platform.store.delete(platform.keys.instances.key(*stored.parts))
    await scale(platform, app, cmd=3)
    await platform.only("v2 cmd.1", "v2 cmd.2", "v2 cmd.3")
    assert before <= {i.identity.id for i in await platform.there()}


async def test_a_dead_checker_ends_nothing(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    platform.agents.checking = False
    await platform.agents.take_note()
    for stored in await Shelf(platform.store, platform.keys.health).list():
        await platform.store.delete(platform.keys.health.key(*stored.parts))
    revision = await platform.deploy(app, "shop")
    await eventually(lambda: _up(platform, "v2 cmd.1", "v3 cmd.1"))
    platform.agents.checking = True
    platform.agents.verdicts.clear()
    assert (await platform.settled(app, 3, revision)).phase == "done"


async def _up(platform: MemoryPlatform, *titles: str) -> bool:
    return await platform.up() == list(titles)


async def test_an_engine_that_is_away_means_hold(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    platform.hands.go_away()
    revision = await platform.change(app, formation={"cmd": 3})
    platform.hands.come_back()
    assert (await platform.settled(app, 2, revision)).phase == "done"
    assert before <= {i.identity.id for i in await platform.there()}


async def test_a_start_without_an_answer_is_asked_again_under_the_same_name(platform: MemoryPlatform) -> None:
    app = await platform.create()
    start, answered = platform.hands.start, []

    async def lose_the_first_answer(spec: object) -> None:
        await start(spec)  # type: ignore[arg-type]
        answered.append(spec)
        if len(answered) == 1:
            raise EngineUnavailable("the answer was lost")

    platform.hands.start = lose_the_first_answer  # type: ignore[method-assign]
    await platform.run(app, formation={"cmd": 1})
    await platform.only("v2 cmd.1")


async def test_a_store_that_is_away_means_hold(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    platform.line.unavailable = True
    platform.memory.vanish(platform.instance().name)
    revision = await platform.change(app, formation={"cmd": 3})
    platform.line.unavailable = False
    assert (await platform.settled(app, 2, revision)).phase == "done"
    await eventually(lambda: _up(platform, "v2 cmd.1", "v2 cmd.2", "v2 cmd.3"))
    assert len(before & {i.identity.id for i in await platform.there()}) == 1


async def test_lost_watches_and_compactions_lose_no_step(platform: MemoryPlatform) -> None:
    app = await platform.create()
    for count in (2, 4, 1, 3):
        platform.line.drop_watches()
        platform.line.compact()
        revision = await platform.change(app, formation={"cmd": count})
        if count == 2:
            await platform.deploy(app, "shop")
        else:
            assert (await platform.settled(app, 2, revision)).phase == "done"
    await platform.only("v2 cmd.1", "v2 cmd.2", "v2 cmd.3")


async def test_an_empty_store_stops_no_container(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    names = [i.name for i in await platform.there()]
    platform.agents.publishing = False
    await platform.agents.take_note()
    for entry in (await platform.store.list("/deis/")).entries:
        if "/leaders/" not in entry.key:
            await platform.store.delete(entry.key)
    deployer = platform.deployer
    assert deployer is not None
    await eventually(lambda: sorted(deployer.strangers) == names)
    assert await platform.up() == ["v2 cmd.1", "v2 cmd.2"]


async def test_a_container_that_no_record_owns_is_reported_and_left_alone(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    platform.memory.add_stranger("odd", "its labels cannot be read")
    deployer = platform.deployer
    assert deployer is not None
    await eventually(lambda: deployer.strangers == {"odd": "its labels cannot be read"})
    assert await platform.up() == ["v2 cmd.1"]


async def test_a_lost_rollout_record_is_made_anew_from_what_runs(platform: MemoryPlatform) -> None:
    app = await platform.create()
    first = await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    await platform.store.delete(platform.keys.rollouts.key(app.uuid, 2))

    async def anew() -> r.Rollout | None:
        found = await platform.rollout(app, 2)
        return found if found and found.phase == "done" else None

    again = await eventually(anew)
    assert again is not None
    assert (again.image, again.port) == (first.image, first.port)
    assert {entry.id for entry in again.planned} == before == {i.identity.id for i in await platform.there()}


async def test_a_destroyed_app_leaves_nothing(platform: MemoryPlatform) -> None:
    app, other = await platform.create(), await platform.create("other")
    await platform.run(app, formation={"cmd": 2})
    await platform.run(other, formation={"cmd": 1})
    domain = r.Domain(app=app.id, domain="Shop.Example.com", owner="ann", created=app.created)
    await Shelf(platform.store, platform.keys.domains).create(domain, "shop.example.com")
    for scope, id_ in ((app.uuid, "ours"), (other.uuid, "theirs"), (PLATFORM, "all")):
        drain = r.Drain(id=id_, owner="ann", url="syslog://a:514", token="d.1", created=app.created)
        await Shelf(platform.store, platform.keys.drains).create(drain, scope, id_)
        state = r.DrainState(since=app.created, updated=app.created)
        await Shelf(platform.store, platform.keys.drain_states).create(state, id_, "n1")
    await platform.change(app, state="destroying")

    async def gone() -> bool:
        return await platform.apps.get(app.id) is None

    await eventually(gone)
    assert await platform.up() == ["v2 cmd.1"]
    drains = {stored.parts for stored in await Shelf(platform.store, platform.keys.drains).list()}
    assert drains == {(other.uuid, "theirs"), (PLATFORM, "all")}
    states = {stored.parts for stored in await Shelf(platform.store, platform.keys.drain_states).list()}
    assert states == {("theirs", "n1"), ("all", "n1")}
    left = {entry.key for entry in (await platform.store.list("/deis/")).entries if app.uuid in entry.key}
    assert left == set()
    assert await platform.store.get(platform.keys.domains.key("shop.example.com")) is None


async def test_an_app_is_destroyed_in_the_middle_of_a_rollout(platform: MemoryPlatform) -> None:
    app = await platform.create()
    platform.agents.passes = lambda _: False
    await platform.deploy(app, "shop", formation={"cmd": 2})
    await eventually(lambda: len(platform.host.rows) == 2)
    await platform.change(app, state="destroying")

    async def gone() -> bool:
        return await platform.apps.get(app.id) is None

    await eventually(gone)
    assert await platform.there() == []


async def test_a_second_deployer_takes_over_where_the_first_one_was(quiet: MemoryPlatform) -> None:
    app = await quiet.create()
    quiet.agents.passes = lambda instance: instance.identity.release < 3
    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 2})
        revision = await quiet.deploy(app, "shop")
        await eventually(lambda: _up(quiet, "v2 cmd.1", "v2 cmd.2", "v3 cmd.1", "v3 cmd.2"))
        begun = await quiet.rollout(app, 3)
    quiet.agents.passes = lambda _: True
    async with quiet.deploying():
        ended = await quiet.settled(app, 3, revision)
    assert begun is not None
    assert ended.phase == "done"
    assert ended.epoch > begun.epoch
    assert [entry.id for entry in ended.planned] == [entry.id for entry in begun.planned]


async def test_leaders_that_come_and_go_start_nothing_twice(quiet: MemoryPlatform) -> None:
    created: list[str] = []
    quiet.host.listeners.append(lambda _, event: created.append(event.name) if event.action == "create" else None)
    app = await quiet.create()
    async with quiet.deploying(), quiet.deploying(), quiet.deploying():
        await quiet.run(app, formation={"cmd": 3})
        for release in range(3, 7):
            revision = await quiet.deploy(app, "shop")
            await eventually(partial(quiet.rollout, app, release))
            quiet.line.expire()
            assert (await quiet.settled(app, release, revision)).phase == "done"
        await quiet.only("v6 cmd.1", "v6 cmd.2", "v6 cmd.3")
    assert len(created) == len(set(created)) == 15


async def test_a_router_that_is_away_keeps_its_veto_across_leaders(quiet: MemoryPlatform) -> None:
    app = await quiet.create()
    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 1})
        quiet.agents.passes = lambda instance: instance.identity.release < 3
        revision = await quiet.deploy(app, "shop")
        await eventually(lambda: _up(quiet, "v2 cmd.1", "v3 cmd.1"))
    quiet.agents.routing = False
    await quiet.agents.take_note()
    quiet.agents.passes = lambda _: True
    await quiet.store.delete(quiet.keys.routers.key(f"router-{NODE}"))
    async with quiet.deploying():

        async def waits() -> bool:
            rollout = await quiet.rollout(app, 3)
            return rollout is not None and f"router router-{NODE} (away)" in rollout.waiting

        await eventually(waits)
        assert await quiet.up() == ["v2 cmd.1", "v3 cmd.1"]
        quiet.agents.routing = True
        assert (await quiet.settled(app, 3, revision)).phase == "done"
