"""Rollouts that fail, at once and with a reason, and what is left of them."""

from __future__ import annotations

import pytest

from libs.engine import InstanceRefused
from libs.keyspace import records as r
from tests.support.deployer.platform import MemoryPlatform
from tests.support.waiting import eventually


async def failed(platform: MemoryPlatform, app: r.App, image: str, **deploy: object) -> r.Rollout:
    revision = await platform.deploy(app, image, **deploy)  # type: ignore[arg-type]
    number = (await platform.app(app)).latest
    rollout = await platform.settled(app, number, revision)
    assert rollout.phase == "failed", rollout
    return rollout


async def test_a_missing_image_fails_at_once_in_the_engines_words(platform: MemoryPlatform) -> None:
    app = await platform.create()
    rollout = await failed(platform, app, "nowhere", formation={"cmd": 1})
    assert "No such image" in rollout.reason
    assert await platform.there() == []
    assert (await platform.app(app)).release == 2


async def test_an_instance_that_exits_fails_the_rollout_with_its_last_lines(platform: MemoryPlatform) -> None:
    platform.agents.passes = lambda _: False
    app = await platform.create()
    revision = await platform.deploy(app, "shop", formation={"cmd": 1})
    await eventually(lambda: bool(platform.host.rows))
    name = next(iter(platform.host.rows))
    platform.memory.say(name, b"cannot open the database\n")
    platform.memory.kill(name, code=3, reason="exited with code 3")
    rollout = await platform.settled(app, 2, revision)
    assert rollout.phase == "failed"
    assert "cmd.1 exited with code 3" in rollout.reason
    assert rollout.last_lines == ("cannot open the database",)
    await platform.only()
    assert await platform.events(app) == ["failed"]


async def test_a_failed_release_gives_way_to_the_one_that_runs(platform: MemoryPlatform) -> None:
    platform.memory.add_image("broken", behaviour="crash")
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    rollout = await failed(platform, app, "broken")
    assert rollout.release == 3
    after = await platform.app(app)
    assert (after.release, after.latest, after.formation) == (2, 3, {"cmd": 2})
    await platform.only("v2 cmd.1", "v2 cmd.2")
    assert {i.identity.id for i in await platform.there()} == before
    back = await eventually(lambda: platform.rollout(app, 2))
    assert back.settled


async def test_the_formation_gets_back_the_types_that_a_failed_release_had_dropped(platform: MemoryPlatform) -> None:
    platform.memory.add_image("broken", behaviour="crash")
    app = await platform.create()
    await platform.run(app, procfile={"web": "serve", "worker": "work"}, formation={"web": 1, "worker": 2})
    await failed(platform, app, "broken", procfile={"web": "serve"}, formation={"web": 1})
    assert (await platform.app(app)).formation == {"web": 1, "worker": 2}
    await platform.only("v2 web.1", "v2 worker.1", "v2 worker.2")


async def test_a_failed_first_release_stays_and_is_not_tried_again_by_itself(platform: MemoryPlatform) -> None:
    platform.memory.add_image("broken", behaviour="crash")
    app = await platform.create()
    rollout = await failed(platform, app, "broken", formation={"cmd": 1})
    await platform.only()
    assert platform.deployer is not None
    platform.deployer.look_at_all()
    assert (await platform.app(app)).release == 2
    platform.host.behaviours[rollout.image] = "well"
    revision = await platform.change(app, formation={"cmd": 1})
    assert (await platform.settled(app, 2, revision)).phase == "done"
    await platform.only("v2 cmd.1")


async def test_an_instance_that_never_passes_fails_at_the_startup_limit(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(startup_limit_seconds=0.3))
    platform.agents.passes = lambda _: False
    rollout = await failed(platform, app, "shop", formation={"cmd": 1})
    assert "did not pass its check within 0.3 s: connection refused" in rollout.reason


async def test_a_port_that_was_only_tried_is_said_so(platform: MemoryPlatform) -> None:
    platform.memory.add_image("mute")
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(startup_limit_seconds=0.3))
    platform.agents.passes = lambda _: False
    rollout = await failed(platform, app, "mute", formation={"cmd": 1})
    assert rollout.reason.endswith(
        "; the image exposes no port, so 5000 was tried: listen on $PORT, EXPOSE a port, "
        "or run it as another process type"
    )
    rollout = await failed(platform, app, "mute", values={"PORT": "8000"})
    assert "was tried" not in rollout.reason


async def test_an_instance_that_the_engine_never_runs_fails_at_the_startup_limit(platform: MemoryPlatform) -> None:
    platform.memory.add_image("asleep", behaviour="never")
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(startup_limit_seconds=0.3))
    rollout = await failed(platform, app, "asleep", formation={"cmd": 1})
    assert "did not run within 0.3 s" in rollout.reason
    await platform.only()


async def test_a_refused_instance_fails_in_the_engines_words(platform: MemoryPlatform) -> None:
    app = await platform.create()
    platform.hands.fail_with("start", InstanceRefused("x", "exec: no such file"))
    rollout = await failed(platform, app, "shop", formation={"cmd": 1})
    assert rollout.reason == "cmd.1 cannot be started: exec: no such file"


@pytest.mark.parametrize(
    ("values", "config", "words"),
    [
        ({"HEALTHCHECK_TIMEOUT": "soon"}, {}, "HEALTHCHECK_TIMEOUT is 'soon'"),
        ({}, {"memory": {"cmd": "lots"}}, "the memory limit is 'lots'"),
    ],
)
async def test_a_release_that_cannot_be_run_as_configured_fails(
    platform: MemoryPlatform, values: dict[str, str], config: dict[str, object], words: str
) -> None:
    app = await platform.create()
    rollout = await failed(platform, app, "shop", formation={"cmd": 1}, values=values, **config)
    assert words in rollout.reason


async def test_a_failed_scale_leaves_what_ran_before(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    platform.agents.passes = lambda instance: instance.identity.number == 1
    revision = await platform.change(app, formation={"cmd": 3}, settings=r.AppSettings(startup_limit_seconds=0.3))
    rollout = await platform.settled(app, 2, revision)
    assert rollout.phase == "failed"
    await platform.only("v2 cmd.1")


async def test_a_failed_restart_leaves_what_ran_before(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    before = {i.identity.id for i in await platform.there()}
    platform.agents.passes = lambda instance: instance.identity.id in before
    revision = await platform.change(app, restarts={"": 1}, settings=r.AppSettings(startup_limit_seconds=0.3))
    assert (await platform.settled(app, 2, revision)).phase == "failed"
    await platform.only("v2 cmd.1", "v2 cmd.2")
    assert {i.identity.id for i in await platform.there()} == before


async def test_the_release_after_a_failed_one_replaces_what_ran(platform: MemoryPlatform) -> None:
    platform.memory.add_image("broken", behaviour="crash")
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    await failed(platform, app, "broken")
    await platform.run(app)
    await platform.only("v4 cmd.1")
