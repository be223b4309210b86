"""One-off runs that nobody ends any more, and the deployer's patience with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import Engine, EngineUnavailable, Identity, Instance, InstanceSpec
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.records import App
from libs.keyspace.records.observed import EngineState
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.deployer import DeployerSettings
from services.controller.deployer.population import ObservedEngine
from services.controller.deployer.runs import LeftRuns, Patience, next_step
from services.controller.events import Events

START = datetime(2030, 1, 1, tzinfo=UTC)
LIMIT, SLACK, KEEP = timedelta(seconds=1200), timedelta(seconds=30), timedelta(seconds=60)
PATIENCE = Patience(SLACK, KEEP)
WHO = Identity("x1", "shop", "u1", "run", 1, 2)
RUN = Instance(WHO, WHO.name, "running", started=START, once=True, until=START + LIMIT)
ENDED = replace(RUN, state="exited", exit_code=0, finished=START)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("run", "at", "step"),
    [
        (RUN, START + LIMIT + SLACK - SECOND, ""),
        (RUN, START + LIMIT + SLACK, "stop"),
        (replace(RUN, until=None), START + 1000 * LIMIT, ""),
        (replace(RUN, state="created", started=None), START + LIMIT, ""),
        (replace(RUN, state="created", started=None), START + LIMIT + SLACK, "remove"),
        (ENDED, START + KEEP + SLACK - SECOND, ""),
        (ENDED, START + KEEP + SLACK, "remove"),
        (replace(ENDED, state="dead"), START + KEEP + SLACK, "remove"),
    ],
)
def test_a_run_is_left_to_its_controller_until_that_had_its_time(run: Instance, at: datetime, step: str) -> None:
    assert next_step(run, START if run.finished else None, at, PATIENCE, hasty=False) == step


def test_an_end_that_is_seen_late_gives_its_controller_the_whole_time() -> None:
    seen = START + timedelta(hours=1)
    assert next_step(ENDED, seen, seen + KEEP + SLACK - SECOND, PATIENCE, hasty=False) == ""
    assert next_step(ENDED, seen, seen + KEEP + SLACK, PATIENCE, hasty=False) == "remove"


@given(st.sampled_from(get_args(EngineState)), st.integers(0, 4000))
def test_a_run_of_an_app_that_is_destroyed_ends_at_once_and_none_that_runs_is_removed(
    state: EngineState, after: int
) -> None:
    run = replace(RUN, state=state, finished=START if state in {"exited", "dead"} else None)
    up = state in {"running", "restarting"}
    now = START + timedelta(seconds=after)
    assert next_step(run, None, now, PATIENCE, hasty=True) == ("stop" if up else "remove")
    assert next_step(run, None, now, PATIENCE, hasty=False) in ({"", "stop"} if up else {"", "remove"})


class Scene:
    """Left runs over an engine in memory, and a clock."""

    def __init__(self) -> None:
        self.store, self.keyspace, self.engine = MemoryStore(), Keyspace(), MemoryEngine()
        self.image = self.engine.add_image("busybox").digest
        self.now, self.epoch = START, 1
        self.apps = [App(id="shop", uuid="u1", owner="ann", created=START, updated=START)]
        self.left = self.leader(self.engine)

    def leader(self, engine: Engine) -> LeftRuns:
        return LeftRuns(
            engine=engine,
            observed=ObservedEngine(engine, limit=5),
            apps=lambda: self.apps,
            epoch=lambda: self.epoch or None,
            events=Events(self.store, self.keyspace),
            settings=DeployerSettings(),
            clock=lambda: self.now,
        )

    async def start(self, *, app: str = "u1", once: bool = True) -> str:
        who = replace(WHO, id=f"x{len(self.engine.host.rows)}", app_uuid=app)
        spec = InstanceSpec(who, self.image, once=once, until=START + LIMIT if once else None)
        await self.engine.start(spec)
        return spec.name

    async def at(self, moment: datetime) -> None:
        self.now = moment
        await self.left.end()

    def states(self) -> dict[str, str]:
        return {name: row.instance.state for name, row in self.engine.host.rows.items()}

    async def told(self) -> list[str]:
        found = await Shelf(self.store, self.keyspace.events).list("u1")
        return [one.document.message for one in found]

    @contextmanager
    def not_leading(self) -> Iterator[None]:
        self.epoch = 0
        yield
        self.epoch = 1


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_one_that_outlives_its_time_is_stopped_then_removed_and_told(scene: Scene) -> None:
    name = await scene.start()
    await scene.at(START + LIMIT)
    assert scene.states() == {name: "running"}
    await scene.at(START + LIMIT + SLACK)
    assert scene.states() == {name: "exited"}
    await scene.at(scene.now + KEEP)
    assert scene.states() == {name: "exited"}
    scene.engine.host.rows[name].instance = replace(scene.engine.host.rows[name].instance, finished=scene.now)
    await scene.at(scene.now + KEEP + SLACK)
    assert scene.states() == {}
    assert await scene.told() == [
        "run.1 ran for longer than it may and was stopped",
        "run.1 ended with exit code 0; whoever waited for it was gone",
    ]


async def test_one_that_ended_for_a_controller_that_is_gone_is_removed_and_its_code_told(scene: Scene) -> None:
    name = await scene.start()
    scene.engine.kill(name, code=7)
    row = scene.engine.host.rows[name]
    row.instance = replace(row.instance, finished=START)
    await scene.at(START)
    await scene.at(START + KEEP + SLACK)
    assert scene.states() == {}
    assert await scene.told() == ["run.1 ended with exit code 7; whoever waited for it was gone"]


async def test_runs_of_apps_that_nobody_knows_end_too_and_other_containers_never(scene: Scene) -> None:
    await scene.start(app="nobody's")
    mine, theirs = await scene.start(once=False), await scene.start(app="nobody's", once=False)
    for name in (mine, theirs):
        await scene.engine.stop(name, grace=0)
    for hours in range(1, 5):
        await scene.at(START + timedelta(hours=hours))
    assert scene.states() == {mine: "exited", theirs: "exited"}


async def test_runs_of_an_app_that_is_destroyed_end_at_once(scene: Scene) -> None:
    await scene.start()
    scene.apps = [scene.apps[0].changed(state="destroying")]
    await scene.at(START)
    await scene.at(START)
    assert scene.states() == {}
    assert await scene.told() == []


async def test_who_does_not_lead_and_who_does_not_see_the_engine_ends_nothing(scene: Scene) -> None:
    name = await scene.start()
    with scene.not_leading():
        await scene.at(START + 2 * LIMIT)
    with scene.engine.away(), pytest.raises(EngineUnavailable):
        await scene.at(START + 2 * LIMIT)
    assert scene.states() == {name: "running"}
    scene.engine.fail_with("stop", EngineUnavailable("broken pipe"))
    with pytest.raises(EngineUnavailable):
        await scene.at(START + 2 * LIMIT)
    scene.engine.fail_with("stop", None)
    await scene.at(START + 2 * LIMIT)
    assert scene.states() == {name: "exited"}
