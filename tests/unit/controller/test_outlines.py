"""What is at hand of a rollout says what its record says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import InstanceEvidence, Planned, Rollout
from libs.keyspace.records.rollout import Phase
from libs.store import Mirror, Shelf
from libs.store.drivers.memory import MemoryStore
from services.controller.outlines import Outlines, outline
from tests.support.waiting import eventually

MOMENT = now()
RETIRED = InstanceEvidence(title="web.1", release=1, retired=MOMENT)


def rollout(release: int = 1, phase: Phase = "done", **instances: InstanceEvidence) -> Rollout:
    planned = Planned(id="p1", name="p1", type="web", number=1, planned=MOMENT, replaces="old")
    return Rollout(
        app="a", app_uuid="u", release=release, intent=7, epoch=3, phase=phase, since=MOMENT, planned=(planned,),
        instances=instances, reason="why", waiting="what", fallback=4,
    )  # fmt: skip


@pytest.mark.parametrize("phase", ["preparing", "starting", "routing", "retiring", "done", "failed", "superseded"])
def test_it_is_settled_as_the_record_is(phase: Phase) -> None:
    record = rollout(phase=phase)
    assert outline(record).settled == record.settled
    assert (outline(record).phase, outline(record).reason, outline(record).waiting) == (phase, "why", "what")


def test_it_names_who_is_planned_replaced_or_told_of() -> None:
    found = outline(rollout(i1=RETIRED))
    assert sorted(found.ids) == ["i1", "old", "p1"]
    assert found.names({"i1"})
    assert found.names({"nobody", "old"})
    assert not found.names({"i2"})
    assert not found.names(())


@pytest.mark.parametrize(
    ("phase", "seen", "open_"),
    [
        ("done", RETIRED, True),
        ("done", RETIRED.changed(stopped=MOMENT + timedelta(seconds=1)), False),
        ("done", RETIRED.changed(retired=None), False),
        ("failed", RETIRED.changed(retired=None), True),
        ("failed", RETIRED.changed(stopped=MOMENT), False),
    ],
)
def test_it_is_open_until_every_end_that_it_tells_is_told(phase: Phase, seen: InstanceEvidence, open_: bool) -> None:
    assert outline(rollout(phase=phase, i1=seen)).open is open_


async def test_they_follow_the_mirror() -> None:
    store, keyspace = MemoryStore(), Keyspace()
    shelf = Shelf(store, keyspace.rollouts)
    mirror = Mirror(store, keyspace.rollouts, recent=0)
    outlines = Outlines(mirror)
    for number in (1, 2, 3):
        await shelf.put(rollout(number, "done" if number < 3 else "starting", **{f"i{number}": RETIRED}), "u", number)
    async with supervise(mirror=mirror.run()):
        await eventually(lambda: len(outlines.of("u")) == 3)
        assert outlines.about("u", {"i2"}) == [2, 3]
        await shelf.put(rollout(3, "failed"), "u", 3)
        await shelf.delete("u", 2)
        await eventually(lambda: outlines.of("u").keys() == {1, 3})
        assert outlines.of("u")[3].phase == "failed"
        assert outlines.about("u", ()) == []
        await shelf.delete("u", 1)
        await shelf.delete("u", 3)
        await eventually(lambda: not outlines.of("u"))
