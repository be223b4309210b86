from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from libs.engine.drivers.memory import Host, MemoryEngine
from libs.engine.engine import EngineEvent, Identity, InstanceSpec, Limits, Population
from libs.engine.errors import EngineUnavailable
from libs.keyspace.records import Check, Checks, ExecAction, StaysUp, TcpAction
from services.publisher.census import Census

KEY = ("shop", "a1")
CHECKS = Checks(
    startup=Check(stays_up=StaysUp(seconds=3), failure_threshold=30),
    readiness=Check(tcp=TcpAction()),
    liveness=Check(exec=ExecAction(command=("/bin/check", "--live"))),
)
NAME = "shop_v2.web.1-a1"


@pytest.fixture
async def engine() -> MemoryEngine:
    engine = MemoryEngine(Host(restart_delay=3600))
    image = engine.add_image("web", ports=(5000,))
    identity = Identity(id="a1", app="shop", app_uuid="u", type="web", number=1, release=2, generation=4)
    checks = CHECKS.model_dump_json()
    await engine.start(InstanceSpec(identity, image.digest, port=5000, checks=checks, limits=Limits(memory=64 << 20)))
    return engine


async def started_at(engine: MemoryEngine) -> datetime:
    (one,) = (await engine.instances()).instances
    assert one.started is not None
    return one.started


async def test_everything_that_the_engine_says_is_in_the_record(engine: MemoryEngine) -> None:
    record = (await Census("n1").look(engine))[KEY]
    (one,) = (await engine.instances()).instances
    assert (record.id, record.app, record.app_uuid, record.type) == ("a1", "shop", "u", "web")
    assert (record.number, record.release, record.generation, record.node) == (1, 2, 4, "n1")
    assert (record.name, record.state, record.address, record.port) == (NAME, "running", one.address, 5000)
    assert (record.checks, record.memory) == (CHECKS, 64 << 20)
    assert (record.started, record.finished, record.restarts, record.exit_code) == (one.started, None, 0, None)


async def test_checks_that_cannot_be_read_do_not_hide_their_instance(engine: MemoryEngine) -> None:
    (one,) = (await engine.instances()).instances
    for checks in ("", "{", '{"readiness": {"period_seconds": -1}}', "[]"):
        record = Census("n1")._take(Population((replace(one, checks=checks),)))[KEY]
        assert record.checks is None


async def test_an_instance_that_did_not_change_keeps_its_record(engine: MemoryEngine) -> None:
    census = Census("n1")
    first = (await census.look(engine))[KEY]
    assert (await census.look(engine))[KEY] is first
    engine.kill(NAME)
    assert (await census.look(engine))[KEY].state == "restarting"


async def test_before_the_first_answer_nothing_is_known(engine: MemoryEngine) -> None:
    census = Census("n1")
    with engine.away(), pytest.raises(EngineUnavailable):
        await census.look(engine)
    assert census.instances is None


async def test_an_end_holds_until_the_engine_has_answered_a_later_look(engine: MemoryEngine) -> None:
    census = Census("n1")
    await census.look(engine)
    started = await started_at(engine)
    census.hear(EngineEvent(NAME, "die", ended=started + timedelta(seconds=1)))
    assert census.ended == {KEY}
    with engine.away(), pytest.raises(EngineUnavailable):
        await census.look(engine)
    assert census.ended == {KEY}
    await census.look(engine)
    assert census.ended == frozenset()


async def test_an_end_that_is_heard_while_the_engine_answers_outlives_that_answer(engine: MemoryEngine) -> None:
    census = Census("n1")
    await census.look(engine)
    started = await started_at(engine)

    class Telling(MemoryEngine):
        async def instances(self) -> Population:
            census.hear(EngineEvent(NAME, "die", ended=started + timedelta(seconds=1)))
            return await super().instances()

    await census.look(Telling(engine.host))
    assert census.ended == {KEY}


async def test_an_end_of_an_earlier_run_that_is_told_again_is_nothing(engine: MemoryEngine) -> None:
    census = Census("n1")
    await census.look(engine)
    started = await started_at(engine)
    census.hear(EngineEvent(NAME, "die", ended=started - timedelta(seconds=1)))
    census.hear(EngineEvent(NAME, "start"))
    census.hear(EngineEvent("shop_v2.web.1-unknown", "die", ended=started + timedelta(seconds=1)))
    assert census.ended == frozenset()
