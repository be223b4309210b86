"""Instances that hang or crash, and what the deployer does and says about them."""

from __future__ import annotations

from libs.engine import Instance
from libs.keyspace import records as r
from tests.support.deployer.platform import NODE, MemoryPlatform
from tests.support.waiting import eventually


async def alarms(platform: MemoryPlatform, app: r.App) -> dict[str, r.Alarm]:
    rollout = await platform.rollout(app, (await platform.app(app)).release)
    assert rollout is not None
    return rollout.alarms


def hang(platform: MemoryPlatform, *ids: str) -> None:
    """These instances, and no others, are not live from now on."""
    platform.agents.lives = lambda instance: instance.identity.id not in ids


def running(platform: MemoryPlatform) -> list[Instance]:
    return [row.instance for row in platform.host.rows.values() if row.instance.state == "running"]


async def healed(platform: MemoryPlatform, app: r.App, *old: str) -> None:
    async def look() -> bool:
        ids = {i.identity.id for i in await platform.there()}
        rollout = await platform.rollout(app, (await platform.app(app)).release)
        assert rollout is not None
        assert ids == {entry.id for entry in rollout.planned}
        assert ids.isdisjoint(old)
        assert rollout.alarms.keys() <= ids  # those of the newcomers stand for a minute more
        return True

    await eventually(look, what=f"{old} replaced")


async def test_an_instance_that_hangs_is_replaced_by_one_that_serves_before_it_goes(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance().identity.id
    platform.agents.routing = False
    await platform.agents.take_note()
    hang(platform, old)
    await eventually(lambda: len(running(platform)) == 2)
    assert await platform.retiring() == []
    assert (await alarms(platform, app))[old].kind == "not_live"
    platform.agents.routing = True
    await healed(platform, app, old)
    hung = "cmd.1 failed its liveness check (GET /live got no answer within 1 s)"
    assert (await platform.messages(app))[1:] == [hung, f"{hung} and was replaced"]
    assert await platform.events(app) == ["deployed", "not_live", "replaced"]


async def test_a_type_that_hangs_as_a_whole_never_runs_more_than_one_surge_nor_fewer_than_it_should(
    platform: MemoryPlatform,
) -> None:
    app = await platform.create()
    await platform.change(app, settings=r.AppSettings(surge="1"))
    await platform.run(app, formation={"cmd": 3})
    old = [i.identity.id for i in running(platform)]
    counts: list[int] = []
    platform.host.listeners.append(lambda *_: counts.append(len(running(platform))))
    hang(platform, *old)
    await healed(platform, app, *old)
    assert set(counts) <= {3, 4}
    assert (await platform.events(app)).count("replaced") == 3


async def test_an_instance_that_is_live_again_is_kept_and_its_successor_goes(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance().identity.id
    platform.agents.passes = lambda instance: instance.identity.id == old
    hang(platform, old)
    await eventually(lambda: len(running(platform)) == 2)
    hang(platform)
    await platform.only("v2 cmd.1")
    assert platform.instance().identity.id == old
    await eventually(lambda: _over(platform, app))


async def _over(platform: MemoryPlatform, app: r.App) -> bool:
    return "recovered" in await platform.events(app) and not await alarms(platform, app)


async def test_a_replacement_goes_on_under_the_next_leader(quiet: MemoryPlatform) -> None:
    app = await quiet.create()
    async with quiet.deploying():
        await quiet.run(app, formation={"cmd": 1})
        old = quiet.instance().identity.id
        quiet.agents.passes = lambda instance: instance.identity.id == old
        hang(quiet, old)
        await eventually(lambda: len(running(quiet)) == 2)
    quiet.agents.passes = lambda _: True
    async with quiet.deploying():
        await healed(quiet, app, old)
    assert await quiet.events(app) == ["deployed", "not_live", "replaced"]


async def test_leaders_that_come_and_go_replace_each_once(quiet: MemoryPlatform) -> None:
    created: list[str] = []
    quiet.host.listeners.append(lambda _, event: created.append(event.name) if event.action == "create" else None)
    app = await quiet.create()
    async with quiet.deploying(), quiet.deploying(), quiet.deploying():
        await quiet.run(app, formation={"cmd": 4})
        old = [i.identity.id for i in running(quiet)]
        hang(quiet, *old)
        for count in range(4, 8):
            await eventually(lambda count=count: len(created) > count)  # type: ignore[misc]
            quiet.line.expire()
        await healed(quiet, app, *old)
    assert len(created) == len(set(created)) == 8


async def test_a_router_that_is_away_keeps_who_hangs_where_it_is(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    old = platform.instance().identity.id
    platform.agents.routing = False
    await platform.agents.take_note()
    await platform.store.delete(platform.keys.routers.key(f"router-{NODE}"))
    hang(platform, old)
    await eventually(lambda: len(running(platform)) == 2)
    await eventually(lambda: sum(verdict.ready for verdict in platform.agents.verdicts.values()) == 2)
    other = await platform.create("other")
    await platform.run(other, procfile={"worker": "work"}, formation={"worker": 1})
    assert await platform.retiring() == []
    platform.agents.routing = True
    await platform.only("v2 cmd.1", app=app)
    assert old not in {i.identity.id for i in await platform.there()}


async def test_a_crash_loop_is_an_alarm_with_its_reason_and_last_lines(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 1})
    name, id_ = platform.instance().name, platform.instance().identity.id
    platform.host.restart_delay = 30.0
    for number in range(30):
        platform.memory.say(name, f"line {number}\n".encode())
    platform.memory.kill(name, code=3, reason="exited with code 3")

    async def quoted() -> r.Alarm | None:
        alarm = (await alarms(platform, app)).get(id_)
        return alarm if alarm and alarm.last_lines else None

    alarm = await eventually(quoted)
    assert alarm is not None
    assert alarm.message == "cmd.1 crashed (exited with code 3) and is started again; 1 restart"
    assert alarm.last_lines == tuple(f"line {number}" for number in range(10, 30))
    assert (await platform.events(app)).count("crashed") == 1


async def test_a_type_that_is_unready_as_a_whole_is_an_alarm_until_one_is_ready(platform: MemoryPlatform) -> None:
    app = await platform.create()
    await platform.run(app, formation={"cmd": 2})
    platform.agents.passes = lambda _: False

    async def unready() -> bool:
        return set(await alarms(platform, app)) == {"cmd"}

    await eventually(unready)
    message = "no instance of cmd passes its readiness check; all 2 stay in use: connection refused"
    assert (await alarms(platform, app))["cmd"].message == message
    platform.agents.passes = lambda instance: instance.identity.number == 1
    await eventually(lambda: _over(platform, app))
    assert await platform.events(app) == ["deployed", "unready", "recovered"]
