"""Deploys on the store and the engine in memory, with agents that answer."""

from __future__ import annotations

from libs.engine import Instance
from libs.engine.labels import environment
from libs.keyspace import records as r
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
    revision = await platform.deploy(app, "shop")
    await eventually(lambda: _waits(platform, app, 3, "cmd.1 of v2 to drain"))
    assert await platform.retiring() == [old.identity.id]
    assert "v2 cmd.1" in await platform.up()
    platform.agents.draining.clear()
    await platform.settled(app, 3, revision)
    await platform.only("v3 cmd.1")


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


async def _wants(platform: MemoryPlatform, app: r.App, release: int) -> bool:
    return (await platform.app(app)).release == release
