"""What every engine driver keeps."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from libs.engine import (
    EngineEvent,
    EngineUnavailable,
    Identity,
    ImageNotFound,
    Instance,
    InstanceRefused,
    InstanceSpec,
    Limits,
    LogPiece,
)
from tests.contract.engine.conftest import Driver, Ground
from tests.support.waiting import eventually

DEADLINE = 60.0


async def a_spec(engine: Driver, image: str = "busybox", *, number: int = 1) -> InstanceSpec:
    who = Identity(uuid.uuid4().hex[:8], "shop", "3f1c", "web", number, 2, generation=4)
    digest = (await engine.resolve(image)).digest
    command = ("sleep", "1000000") if image == "busybox" else None
    return InstanceSpec(who, digest, command=command, port=8000, checks='{"readiness":{"tcp":{}}}')


async def seen(engine: Driver, spec: InstanceSpec) -> Instance | None:
    return next((one for one in (await engine.instances()).instances if one.name == spec.name), None)


async def in_state(engine: Driver, spec: InstanceSpec, state: str) -> Instance:
    async def there() -> Instance | None:
        found = await seen(engine, spec)
        return found if found is not None and found.state == state else None

    return await eventually(there, within=DEADLINE)


async def wait_for(events: AsyncIterator[EngineEvent], name: str, action: str) -> None:
    async with asyncio.timeout(DEADLINE):
        async for event in events:
            if (event.name, event.action) == (name, action):
                return


async def read_all(pieces: AsyncIterator[LogPiece]) -> list[LogPiece]:
    async with asyncio.timeout(DEADLINE):
        return [piece async for piece in pieces]


async def test_a_started_instance_runs_and_shows_who_it_is(engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    found = await in_state(engine, spec, "running")
    assert (found.identity, found.port, found.checks, found.image) == (
        spec.identity,
        8000,
        '{"readiness":{"tcp":{}}}',
        spec.image,
    )
    assert found.address is not None
    assert found.started is not None
    assert (found.finished, found.exit_code, found.restarts, found.reason) == (None, None, 0, "")


async def test_an_instance_shows_its_memory_limit(engine: Driver) -> None:
    bounded, free = replace(await a_spec(engine), limits=Limits(memory=64 << 20)), await a_spec(engine, number=2)
    await engine.start(bounded)
    await engine.start(free)
    seen = {one.name: one.memory for one in (await engine.instances()).instances}
    assert seen == {bounded.name: 64 << 20, free.name: None}


async def test_starting_twice_at_once_and_again_makes_one(engine: Driver) -> None:
    spec = await a_spec(engine)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(engine.start(spec))
    before = await in_state(engine, spec, "running")
    await engine.start(spec)
    after = (await engine.instances()).instances
    assert [(one.name, one.started) for one in after] == [(spec.name, before.started)]


async def test_many_started_at_once_have_addresses_of_their_own(engine: Driver) -> None:
    specs = [await a_spec(engine, number=number) for number in range(1, 6)]
    async with asyncio.TaskGroup() as group:
        for spec in specs:
            group.create_task(engine.start(spec))
    assert len({one.address for one in (await engine.instances()).instances}) == len(specs)


async def test_a_process_that_exits_is_restarted_in_place_at_its_address(ground: Ground, engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    before = await in_state(engine, spec, "running")
    await ground.crash(spec.name)

    async def again() -> Instance | None:
        found = await seen(engine, spec)
        return found if found is not None and found.state == "running" and found.restarts else None

    after = await eventually(again, within=DEADLINE)
    assert before.started is not None
    assert after.started is not None
    assert after.started > before.started
    assert (after.address, after.restarts, after.finished) == (before.address, 1, None)


async def test_a_stopped_instance_stays_stopped_with_its_address_until_it_is_started(engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    before = await in_state(engine, spec, "running")
    await engine.stop(spec.name, grace=0)
    stopped = await in_state(engine, spec, "exited")
    assert stopped.address == before.address
    assert stopped.finished is not None
    assert stopped.exit_code is not None
    await engine.stop(spec.name, grace=0)
    await engine.start(spec)
    assert (await in_state(engine, spec, "running")).address == before.address


async def test_an_instance_that_restarts_can_be_stopped(ground: Ground, engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    await in_state(engine, spec, "running")
    await ground.crash(spec.name)
    await engine.stop(spec.name, grace=0)
    await in_state(engine, spec, "exited")


async def test_a_removed_instance_is_gone_and_its_address_rests(engine: Driver) -> None:
    first, second = await a_spec(engine), await a_spec(engine, number=2)
    await engine.start(first)
    address = (await in_state(engine, first, "running")).address
    await engine.stop(first.name, grace=0)
    await engine.remove(first.name)
    assert (await engine.instances()).instances == ()
    await engine.start(second)
    assert (await in_state(engine, second, "running")).address != address


async def test_a_running_instance_is_not_removed(engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    await in_state(engine, spec, "running")
    with pytest.raises(InstanceRefused):
        await engine.remove(spec.name)
    assert (await in_state(engine, spec, "running")).restarts == 0


async def test_stopping_and_removing_one_that_is_not_there_is_fine(engine: Driver) -> None:
    await engine.stop("shop_v1.web.1-gone", grace=0)
    await engine.remove("shop_v1.web.1-gone")


async def test_a_missing_image_is_named_in_the_engines_words(engine: Driver) -> None:
    who = Identity("aaaa", "shop", "3f1c", "web", 1, 2)
    missing = "sha256:" + "0" * 64
    with pytest.raises(ImageNotFound, match="No such image") as caught:
        await engine.start(InstanceSpec(who, missing))
    assert caught.value.image == missing
    with pytest.raises(ImageNotFound):
        await engine.resolve(missing)
    assert (await engine.instances()).instances == ()


async def test_an_image_without_a_tag_is_the_latest_and_tells_its_ports_ascending(
    ground: Ground, engine: Driver
) -> None:
    await ground.image("ported:latest", 9000, 80)
    plain, tagged = await engine.resolve("ported"), await engine.resolve("ported:latest")
    assert plain == tagged
    assert plain.ports == (80, 9000)
    assert (await engine.resolve(plain.digest)).digest == plain.digest


async def test_events_stand_first_and_then_tell_of_starts_ends_and_removals(ground: Ground, engine: Driver) -> None:
    spec = await a_spec(engine)
    async with engine.events() as events:
        assert (await anext(events)).name == ""
        await engine.start(spec)
        await wait_for(events, spec.name, "start")
        await ground.crash(spec.name)
        await wait_for(events, spec.name, "die")
        await wait_for(events, spec.name, "start")
        await engine.stop(spec.name, grace=0)
        await wait_for(events, spec.name, "die")
        await engine.remove(spec.name)
        await wait_for(events, spec.name, "destroy")


async def test_an_engine_that_goes_away_breaks_the_events_and_is_unavailable_and_instances_outlive_it(
    ground: Ground, engine: Driver
) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    before = await in_state(engine, spec, "running")
    async with engine.events() as events:
        await anext(events)
        await ground.go_away()
        with pytest.raises(EngineUnavailable):
            await wait_for(events, "nobody", "nothing")
    with pytest.raises(EngineUnavailable):
        await engine.instances()
    with pytest.raises(EngineUnavailable):
        await engine.start(spec)
    with pytest.raises(EngineUnavailable):
        await engine.stop(spec.name, grace=0)
    with pytest.raises(EngineUnavailable):
        await engine.resolve("busybox")
    with pytest.raises(EngineUnavailable):
        async with engine.events():
            pass
    await ground.come_back()
    after = await in_state(engine, spec, "running")
    assert (after.started, after.address, after.restarts) == (before.started, before.address, 0)


async def test_a_container_that_only_bears_the_platforms_label_is_a_stranger(ground: Ground, engine: Driver) -> None:
    await ground.strange("who-is-this")
    population = await engine.instances()
    assert [stranger.name for stranger in population.strangers] == ["who-is-this"]
    assert "io.deis.instance" in population.strangers[0].reason
    assert population.instances == ()


async def test_two_platforms_on_one_engine_do_not_see_each_other(ground: Ground, engine: Driver) -> None:
    other = await ground.client("other")
    spec = await a_spec(engine)
    async with other.events() as events:
        await anext(events)
        await engine.start(spec)
        await in_state(engine, spec, "running")
        assert (await other.instances()).instances == ()
        await other.stop(spec.name, grace=0)
        await other.remove(spec.name)
        with pytest.raises(InstanceRefused):
            await other.start(spec)
        assert (await in_state(engine, spec, "running")).restarts == 0
        theirs = await a_spec(other, number=2)
        await other.start(theirs)
        await wait_for(events, theirs.name, "start")


async def test_two_clients_of_one_platform_see_the_same(ground: Ground, engine: Driver) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    second = await ground.client()
    assert (await in_state(second, spec, "running")).address == (await in_state(engine, spec, "running")).address


async def test_one_that_somebody_else_removed_is_gone(ground: Ground, engine: Driver) -> None:
    spec = await a_spec(engine)
    async with engine.events() as events:
        await engine.start(spec)
        await in_state(engine, spec, "running")
        await ground.take_away(spec.name)
        await wait_for(events, spec.name, "destroy")
        assert await seen(engine, spec) is None


async def test_output_is_followed_over_a_restart_in_place_and_ends_with_the_stop(
    ground: Ground, engine: Driver
) -> None:
    await ground.image("talker")
    spec = await a_spec(engine, "talker")
    await engine.start(spec)
    await in_state(engine, spec, "running")
    await ground.say(spec.name)
    read: list[LogPiece] = []

    async def follow() -> None:
        async with engine.logs(spec.name) as pieces:
            async for piece in pieces:
                read.append(piece)  # noqa: PERF401 — it is looked at while it grows

    async def lines(count: int) -> bool:
        return len(read) == count

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await eventually(lambda: lines(2), within=DEADLINE)
        await ground.crash(spec.name)
        await in_state(engine, spec, "running")
        await ground.say(spec.name)
        await eventually(lambda: lines(4), within=DEADLINE)
        await engine.stop(spec.name, grace=5)
        await following
    assert sorted((piece.stream, piece.data) for piece in read) == [
        ("stderr", b"oops\n"),
        ("stderr", b"oops\n"),
        ("stdout", b"hello\n"),
        ("stdout", b"hello\n"),
    ]
    async with engine.logs(spec.name, since=read[2].at) as pieces:
        assert await read_all(pieces) == [piece for piece in read if piece.at >= read[2].at]
    async with engine.logs(spec.name, follow=False, tail=1) as pieces:
        assert await read_all(pieces) == read[-1:]


async def test_a_tail_of_nothing_gives_nothing_of_what_was(ground: Ground, engine: Driver) -> None:
    spec = replace(await a_spec(engine), command=("sh", "-c", "echo hello; echo oops >&2; exec sleep 1000000"))
    await engine.start(spec)
    await in_state(engine, spec, "running")
    await ground.say(spec.name)

    async def said() -> bool:
        async with engine.logs(spec.name, follow=False) as pieces:
            return len(await read_all(pieces)) == 2

    await eventually(said, within=DEADLINE)
    async with engine.logs(spec.name, tail=0) as pieces, asyncio.TaskGroup() as group:
        reading = group.create_task(read_all(pieces))
        await engine.stop(spec.name, grace=0)
    assert reading.result() == []


async def test_one_that_is_not_there_has_no_output(engine: Driver) -> None:
    async with engine.logs("shop_v1.web.1-gone") as pieces:
        assert await read_all(pieces) == []
