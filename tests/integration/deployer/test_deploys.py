"""Deploys on the store and the engine in memory, with agents that answer."""

from __future__ import annotations

from libs.engine import Instance
from libs.engine.labels import environment
from libs.keyspace import records as r
from libs.store.shelf import Shelf
from tests.support.deployer.platform import MemoryPlatform
from tests.support.waiting import eventually


async def test_a_first_deploy_starts_what_the_formation_says(platform: MemoryPlatform) -> None:
    app = await platform.create()
    rollout = await platform.run(app, formation={"cmd": 2}, values={"GREETING": "hello"})
    await platform.only("v2 cmd.1", "v2 cmd.2")
    assert rollout.image.startswith("sha256:")
    assert rollout.port == 8080
    assert rollout.waiting == rollout.reason == ""
    assert await platform.events(app) == ["deployed"]
    seen = environment(next(iter(platform.host.rows.values())).spec)
    assert seen["GREETING"] == "hello"
    assert seen["PORT"] == "8080"
    assert seen["DEIS_RELEASE"] == "v2"


async def test_the_evidence_tells_each_phase_in_order(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    rollout = await platform.run(app)
    phases = [phase.phase for phase in rollout.evidence]
    assert phases == sorted(phases, key=["preparing", "starting", "routing", "retiring"].index)
    assert {"starting", "retiring"} <= set(phases)
    assert all(phase.began <= phase.ended for phase in rollout.evidence)
    assert any(phase.note for phase in rollout.evidence)


async def test_a_second_deploy_replaces_the_first_one(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 3})
    before = {i.identity.id for i in await platform.there()}
    await platform.run(app)
    await platform.only("v3 cmd.1", "v3 cmd.2", "v3 cmd.3")
    assert before.isdisjoint(i.identity.id for i in await platform.there())
    await eventually(lambda: _none(platform), what="no retiring record is left")


async def _none(platform: MemoryPlatform) -> bool:
    return not await platform.retiring()


async def test_the_old_release_stays_until_the_new_one_is_ready(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    platform.agents.passes = lambda instance: instance.identity.release < 3
    revision = await platform.deploy(app, "shop")
    await eventually(lambda: _waits(platform, app, 3, "to pass its check"))
    assert await platform.up() == ["v2 cmd.1", "v3 cmd.1"]
    platform.agents.passes = lambda _: True
    assert (await platform.settled(app, 3, revision)).phase == "done"
    await platform.only("v3 cmd.1")


async def _waits(platform: MemoryPlatform, app: r.App, number: int, words: str) -> bool:
    rollout = await platform.rollout(app, number)
    return rollout is not None and words in rollout.waiting


async def test_the_old_release_stays_until_every_router_has_the_new_one(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    platform.agents.routing = False
    revision = await platform.deploy(app, "shop")
    await eventually(lambda: _waits(platform, app, 3, "router router-node-1 to have cmd.1 in rotation"))
    assert await platform.up() == ["v2 cmd.1", "v3 cmd.1"]
    platform.agents.routing = True
    assert (await platform.settled(app, 3, revision)).phase == "done"


async def test_no_router_at_all_means_wait(quiet: MemoryPlatform) -> None:
    quiet.agents.routing = False
    app = await quiet.create()
    async with quiet.deploying():
        revision = await quiet.deploy(app, "shop", formation={"cmd": 1})
        await eventually(lambda: _waits(quiet, app, 2, "none is present"))
        quiet.agents.routing = True
        assert (await quiet.settled(app, 2, revision)).phase == "done"


async def test_a_type_without_a_port_needs_no_router(quiet: MemoryPlatform) -> None:
    quiet.agents.routing = False
    app = await quiet.create()
    async with quiet.deploying():
        await quiet.run(app, procfile={"worker": "work"}, formation={"worker": 2})
        await quiet.only("v2 worker.1", "v2 worker.2")
        row = next(iter(quiet.host.rows.values()))
        assert row.spec.port is None
        assert row.spec.command == ("/bin/sh", "-c", "work")


async def test_an_instance_is_stopped_only_when_its_last_request_is_answered(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance()
    platform.agents.draining.add(old.identity.id)
    rollout = await platform.run(app)  # done, although the old one drains
    assert rollout.phase == "done"
    assert await platform.retiring() == [old.identity.id]
    assert await platform.up() == ["v2 cmd.1", "v3 cmd.1"]
    platform.agents.draining.clear()
    await platform.only("v3 cmd.1")
    evidence = await eventually(lambda: _stopped(platform, app, 3, old.identity.id))
    assert (evidence.in_flight, evidence.websockets) == (0, 0)
    withdrawn = evidence.routers["router-node-1"].withdrawn
    assert withdrawn is not None
    assert evidence.retired is not None
    assert evidence.drained is not None
    assert evidence.retired <= withdrawn <= evidence.drained
    assert evidence.reason == "replaced by v3"


async def _stopped(platform: MemoryPlatform, app: r.App, number: int, id_: str) -> r.InstanceEvidence | None:
    rollout = await platform.rollout(app, number)
    seen = rollout.instances.get(id_) if rollout else None
    return seen if seen and seen.stopped else None


async def test_a_websocket_holds_up_its_instance_and_no_later_deploy(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(drain_seconds=0.05, drain_websocket_seconds=3600))
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance().identity.id
    platform.agents.websockets[old] = 2
    await platform.run(app)
    await platform.run(app)
    await eventually(lambda: _up(platform, "v2 cmd.1", "v4 cmd.1"))
    retiring = {s.parts[2]: s.document for s in await Shelf(platform.store, platform.keys.retiring).list()}
    record = retiring[old]
    assert record.websocket_deadline is not None
    assert record.websocket_deadline > record.deadline
    platform.agents.websockets.clear()
    await platform.only("v4 cmd.1")


async def test_websockets_are_cut_at_their_own_deadline_and_the_evidence_says_how_many(
    platform: MemoryPlatform,
) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(drain_seconds=0.05, drain_websocket_seconds=0.3))
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance().identity.id
    platform.agents.websockets[old] = 2
    await platform.run(app)
    await platform.only("v3 cmd.1")
    evidence = await eventually(lambda: _stopped(platform, app, 3, old))
    assert (evidence.in_flight, evidence.websockets) == (2, 2)
    assert evidence.drained is None


async def test_the_evidence_tells_the_course_of_those_that_came(platform: MemoryPlatform) -> None:
    app = await platform.create()
    rollout = await platform.run(app, formation={"cmd": 2})
    assert rollout.asked is not None
    assert sorted(seen.title for seen in rollout.instances.values()) == ["cmd.1", "cmd.2"]
    for seen in rollout.instances.values():
        assert seen.release == 2
        assert seen.node == "node-1"
        assert seen.planned is not None
        assert seen.started is not None
        assert seen.ready is not None
        assert seen.routed is not None
        assert rollout.asked <= seen.planned <= seen.started <= seen.ready <= seen.routed
        assert seen.routers["router-node-1"].routed is not None
        assert seen.retired is None


async def test_a_surge_of_none_replaces_one_at_a_time_in_place_and_says_so(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(surge="0"))
    await platform.run(app, formation={"cmd": 3})
    most = 0

    def passes(_: Instance) -> bool:
        nonlocal most
        most = max(most, sum(row.instance.state == "running" for row in platform.host.rows.values()))
        return True

    platform.agents.passes = passes
    rollout = await platform.run(app)
    assert rollout.in_place == "the app's surge is 0: instances are replaced one at a time in place"
    assert most == 3
    await platform.only("v3 cmd.1", "v3 cmd.2", "v3 cmd.3")
    assert (await platform.events(app)).count("in_place") == 1


async def test_a_node_without_memory_for_a_surge_is_rolled_in_place(quiet: MemoryPlatform) -> None:
    quiet.agents.memory = 200 << 20
    app = await quiet.create()
    async with quiet.deploying():
        first = await quiet.run(app, formation={"cmd": 2}, memory={"cmd": "96M"})
        assert first.in_place == ""
        rollout = await quiet.run(app, memory={"cmd": "96M"})
        assert rollout.in_place == (
            "a surge needs 96 MiB and node-1 has 8 MiB free: instances are replaced one at a time in place"
        )
        await quiet.only("v3 cmd.1", "v3 cmd.2")


async def test_a_cancelled_deploy_ends_and_what_ran_before_runs(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    platform.agents.passes = lambda instance: instance.identity.release < 3
    await platform.deploy(app, "shop")
    await eventually(lambda: _waits(platform, app, 3, "to pass its check"))
    cancelled = r.Cancelled(release=3, by="ann", at=app.created)
    revision = await platform.change(app, release=2, cancelled=cancelled)
    assert (await platform.settled(app, 2, revision)).phase == "done"
    await platform.only("v2 cmd.1", "v2 cmd.2")
    over = await platform.rollout(app, 3)
    assert over is not None
    assert (over.phase, over.reason) == ("cancelled", "cancelled by ann")
    assert "cancelled" in await platform.events(app)


async def test_a_cancelled_first_deploy_leaves_nothing_and_fails_nothing(platform: MemoryPlatform) -> None:
    app = await platform.create()
    platform.agents.passes = lambda _: False
    await platform.deploy(app, "shop", formation={"cmd": 2})
    await eventually(lambda: _waits(platform, app, 2, "to pass its check"))
    cancelled = r.Cancelled(release=2, by="ann", at=app.created)
    revision = await platform.change(app, release=1, cancelled=cancelled)
    assert (await platform.settled(app, 1, revision)).phase == "done"
    await platform.only()
    assert await platform.events(app) == ["cancelled"]


async def test_a_drain_ends_at_its_deadline(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(drain_seconds=0.2))
    await platform.run(app, formation={"cmd": 1})
    platform.agents.draining.add(platform.instance().identity.id)
    await platform.run(app)
    await platform.only("v3 cmd.1")


async def test_a_stopped_instance_is_kept_until_its_output_was_read(quiet: MemoryPlatform) -> None:
    quiet.agents.reading_logs = False
    quiet.settings = quiet.settings.model_copy(update={"deployer_keep_stopped": 3600.0})
    app = await quiet.create()
    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 1})
        await quiet.run(app)
        states = {i.identity.release: i.state for i in await quiet.there()}
        assert states == {2: "exited", 3: "running"}
        quiet.agents.reading_logs = True
        await quiet.only("v3 cmd.1")


async def test_a_stopped_instance_that_nobody_reads_is_removed_after_a_while(platform: MemoryPlatform) -> None:
    platform.agents.reading_logs = False
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    await platform.run(app)
    await platform.only("v3 cmd.1")


async def test_a_new_intent_supersedes_a_running_rollout(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    platform.agents.passes = lambda instance: instance.identity.release != 3
    await platform.deploy(app, "shop")
    await eventually(lambda: _waits(platform, app, 3, "to pass its check"))
    await platform.run(app)
    await platform.only("v4 cmd.1", "v4 cmd.2")
    overtaken = await platform.rollout(app, 3)
    assert overtaken is not None
    assert overtaken.phase == "superseded"
    assert "v3 was superseded by v4" in await platform.messages(app)


async def test_types_that_the_new_build_lacks_end_after_the_deploy_succeeded(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, procfile={"web": "serve", "worker": "work"}, formation={"web": 1, "worker": 2})
    platform.agents.passes = lambda instance: instance.identity.release < 3
    revision = await platform.deploy(app, "shop", procfile={"web": "serve"})
    await eventually(lambda: _waits(platform, app, 3, "to pass its check"))
    assert await platform.up() == ["v2 web.1", "v2 worker.1", "v2 worker.2", "v3 web.1"]
    platform.agents.passes = lambda _: True
    await platform.settled(app, 3, revision)
    await platform.only("v3 web.1")


async def test_a_deploy_without_the_procfile_goes_on_answering_and_says_what_it_left_out(
    platform: MemoryPlatform,
) -> None:
    app = await platform.create()
    await platform.run(app, procfile={"web": "serve", "worker": "work"}, formation={"web": 2, "worker": 1})
    await platform.run(app)
    await platform.only("v3 cmd.1")
    (said,) = [m for m in await platform.messages(app) if m.startswith("v3")]
    assert said == "v3 is deployed and runs cmd=1; its build has no process type web, worker: web=2, worker=1 left out"
    await platform.run(app, procfile={"web": "serve", "worker": "work"})
    await platform.only("v4 web.1", "v4 web.2", "v4 worker.1")


async def test_a_rolling_deploy_starts_no_more_at_once_than_the_surge(quiet: MemoryPlatform) -> None:
    quiet.settings = quiet.settings.model_copy(update={"deployer_surge": 0.25})
    app = await quiet.create()
    waiting: list[int] = []

    def passes(instance: Instance) -> bool:
        if instance.identity.release == 3:
            new = (row.instance.identity for row in quiet.host.rows.values() if row.instance.identity.release == 3)
            waiting.append(sum(identity.id not in quiet.agents.verdicts for identity in new))
        return True

    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 4})
        quiet.agents.passes = passes
        await quiet.run(app)
        await quiet.only(*(f"v3 cmd.{number}" for number in (1, 2, 3, 4)))
    assert max(waiting) == 1


async def test_a_slow_image_holds_up_no_other_app(platform: MemoryPlatform) -> None:
    slow, quick = await platform.create("slow"), await platform.create("quick")
    resolve = platform.hands.resolve
    asked: list[str] = []

    async def reluctant(reference: str) -> object:
        asked.append(reference)
        if reference == "huge":
            await eventually(lambda: "quick done" in asked)
        return await resolve("shop")

    platform.hands.resolve = reluctant  # type: ignore[method-assign,assignment]
    revision = await platform.deploy(slow, "huge", formation={"cmd": 1})
    await eventually(lambda: "huge" in asked)
    await platform.run(quick, formation={"cmd": 1})
    asked.append("quick done")
    await platform.settled(slow, 2, revision)


async def test_the_image_is_resolved_once_for_all_instances_of_a_release(platform: MemoryPlatform) -> None:
    app = await platform.create()
    first = await platform.run(app, formation={"cmd": 1})
    platform.memory.add_image("kept", ports=(8080,), digest=first.image)
    platform.memory.add_image("shop", ports=(9090,), digest="sha256:moved")
    revision = await platform.change(app, formation={"cmd": 2})
    assert (await platform.settled(app, 2, revision)).phase == "done"
    assert {row.spec.image for row in platform.host.rows.values()} == {first.image}
    assert {row.spec.port for row in platform.host.rows.values()} == {8080}


async def test_a_release_without_a_build_runs_nothing_and_ends_nothing(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    await platform.release(app, 3, None)
    revision = await platform.change(app, release=3, latest=3)
    rollout = await platform.settled(app, 3, revision)
    assert rollout.phase == "failed"
    assert "has no build" in rollout.reason
    await eventually(lambda: _wants(platform, app, 2))
    assert await platform.up() == ["v2 cmd.1"]


async def _up(platform: MemoryPlatform, *titles: str) -> bool:
    return await platform.up() == list(titles)


async def _wants(platform: MemoryPlatform, app: r.App, release: int) -> bool:
    return (await platform.app(app)).release == release
