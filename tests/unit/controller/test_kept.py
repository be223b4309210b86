"""A kept answer is the one that would be made now, whatever changed; and what is kept has a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from yarl import URL

from libs.daemon import supervise
from libs.keyspace import Document, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Config, Instance, Release, Rollout
from libs.keyspace.records.intent import Cancelled
from libs.keyspace.records.rollout import Phase
from libs.store.drivers.memory import MemoryStore
from libs.web import encoded
from services.controller.kept import OVERHEAD, Kept
from services.controller.mirrors import Mirrors
from services.controller.picture import Picture
from services.controller.release_course import page_of
from tests.support.virtual_time import VirtualLoop
from tests.support.waiting import eventually

MOMENT = now()
CONFIG = Config(uuid="c", owner="ann", values="", created=MOMENT)
APPS = st.sampled_from(["u1", "u2"])
NAMES = {"u1": "one", "u2": "two"}
NUMBERS = st.integers(1, 4)
MOSTLY = st.sampled_from([True, True, True, False])
PHASES: list[Phase] = ["preparing", "done", "failed", "cancelled"]
ASKED = [URL("http://deis/r"), URL("http://deis/r?page_size=2"), URL("http://other/r?page_size=2&page=2")]


def release(number: int, build: str | None = "b") -> Release:
    return Release(
        uuid=f"r{number}", app="a", owner="ann", number=number, summary="s", build=build, config=CONFIG, created=MOMENT
    )


class Pages(RuleBasedStateMachine):
    """Pages of releases are asked for while everything that they show changes below them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.keys = Keyspace()
        self.store = MemoryStore()
        self.picture = Picture(self.store, self.keys)
        self.kept = Kept(self.picture.mirrors, most=8 * (OVERHEAD + 800))
        self.ended = asyncio.Event()
        self.running = self.loop.create_task(self.mirror())
        self.do(eventually(lambda: self.picture.complete, what="the mirrors are complete"))
        for uuid in NAMES:
            self.change_an_app(uuid, wanted=2, latest=3, cancelled=None, there=True)
            for number in (1, 2, 3):
                self.change_a_release(uuid, number, build="b", there=True)

    async def mirror(self) -> None:
        async with supervise(**self.picture.tasks()):
            await self.ended.wait()

    def do(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def put(self, key: str, record: Document | None) -> None:
        async def change() -> None:
            await (self.store.delete(key) if record is None else self.store.put(key, record.encode()))
            await asyncio.sleep(1)  # of the loop's own time: the mirrors hear of it

        self.do(change())

    @rule(uuid=APPS, wanted=NUMBERS, latest=NUMBERS, cancelled=st.none() | NUMBERS, there=MOSTLY)
    def change_an_app(self, uuid: str, wanted: int, latest: int, cancelled: int | None, there: bool) -> None:
        word = Cancelled(release=cancelled, by="ann", at=MOMENT) if cancelled else None
        times = {"created": MOMENT, "updated": MOMENT}
        app = App(id=NAMES[uuid], uuid=uuid, owner="ann", release=wanted, latest=latest, cancelled=word, **times)
        self.put(self.keys.apps.key(NAMES[uuid]), app if there else None)

    @rule(uuid=APPS, number=NUMBERS, build=st.sampled_from([None, "b"]), there=MOSTLY)
    def change_a_release(self, uuid: str, number: int, build: str | None, there: bool) -> None:
        self.put(self.keys.releases.key(uuid, number), release(number, build) if there else None)

    @rule(
        uuid=APPS, number=NUMBERS, phase=st.sampled_from(PHASES), reason=st.sampled_from(["", "no"]), out=st.booleans()
    )
    def change_a_rollout(self, uuid: str, number: int, phase: Phase, reason: str, out: bool) -> None:
        record = Rollout(
            app=NAMES[uuid], app_uuid=uuid, release=number, intent=1, epoch=1, phase=phase, reason=reason, since=MOMENT,
            succeeded=MOMENT if out else None,
        )  # fmt: skip
        self.put(self.keys.rollouts.key(uuid, number), record)

    @rule(uuid=APPS, number=NUMBERS)
    def lose_a_rollout(self, uuid: str, number: int) -> None:
        self.put(self.keys.rollouts.key(uuid, number), None)

    @rule(uuid=APPS, number=NUMBERS, id_=st.sampled_from(["i1", "i2"]), there=MOSTLY)
    def change_an_instance(self, uuid: str, number: int, id_: str, there: bool) -> None:
        record = Instance(
            id=id_, name=id_, node="n", app="a", app_uuid=uuid, type="web", number=1, release=number, state="running"
        )
        self.put(self.keys.instances.key("n", "a", id_), record if there else None)

    @invariant()
    def what_is_kept_is_what_would_be_made_now(self) -> None:
        assert not self.running.done()
        for uuid, name in NAMES.items():
            app = self.picture.apps.mirror.get(name)
            if app is not None:
                for url in ASKED[: 3 if len(self.picture.releases_of(uuid, upto=app.latest)) > 2 else 2]:
                    fresh = encoded(page_of(self.picture, app, url))
                    assert self.kept.answer(uuid, str(url), partial(bytes, fresh)) == fresh

    def teardown(self) -> None:
        self.ended.set()
        self.do(self.running)
        self.loop.close()


Pages.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPages = Pages.TestCase


def kept(most: int) -> Kept:
    return Kept(Mirrors.of(MemoryStore(), Keyspace()), most=most)


def unwanted() -> bytes:
    raise AssertionError("it is kept")


def test_what_is_asked_again_is_not_made_again() -> None:
    room = kept(100_000)
    assert room.answer("u", "/r", lambda: b"one") == b"one"
    assert room.answer("u", "/r", unwanted) == b"one"
    assert room.answer("u", "/r?page=2", lambda: b"two") == b"two"
    assert room.answer("v", "/r", lambda: b"three") == b"three"


def test_an_app_that_nobody_asked_for_lately_makes_room() -> None:
    room = kept(8 * (OVERHEAD + 10))
    for number in range(8):
        room.answer(f"u{number}", "/r", lambda: b"12345678")
    room.answer("u0", "/r", unwanted)
    room.answer("u8", "/r", lambda: b"12345678")
    room.answer("u0", "/r", unwanted)
    assert room.answer("u1", "/r", lambda: b"new") == b"new"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=5), st.integers(0, 400)), max_size=60))
def test_it_stays_within_its_room(answers: list[tuple[str, str, int]]) -> None:
    room = kept(4_000)
    for app, asked, length in answers:
        room.answer(app, asked, partial(bytes, length))
        assert 0 <= room.size <= 4_000


def test_what_is_too_long_is_not_kept() -> None:
    room = kept(8_000)
    assert room.answer("u", "/r", lambda: bytes(600)) == bytes(600)
    assert room.size == 0


@pytest.mark.parametrize("moved", ["apps", "releases", "rollouts", "instances"])
async def test_a_change_of_one_app_leaves_the_others_answers(moved: str) -> None:
    store, keys = MemoryStore(), Keyspace()
    mirrors = Mirrors.of(store, keys)
    room = Kept(mirrors)
    records: dict[str, tuple[str, Document]] = {
        "apps": (keys.apps.key("a"), App(id="a", uuid="u", owner="ann", created=MOMENT, updated=MOMENT)),
        "releases": (keys.releases.key("u", 1), release(1)),
        "rollouts": (
            keys.rollouts.key("u", 1),
            Rollout(app="a", app_uuid="u", release=1, intent=1, epoch=1, phase="done", since=MOMENT),
        ),
        "instances": (
            keys.instances.key("n", "a", "i"),
            Instance(
                id="i", name="i", node="n", app="a", app_uuid="u", type="web", number=1, release=1, state="running"
            ),
        ),
    }
    async with supervise(**mirrors.tasks()):
        await eventually(lambda: all(mirror.complete for mirror in mirrors.all().values()), what="all are listed")
        room.answer("u", "/r", lambda: b"old")
        room.answer("v", "/r", lambda: b"other's")
        key, record = records[moved]
        revision = await store.put(key, record.encode())
        await eventually(lambda: mirrors.all()[moved].revision >= revision, what="the mirror shows it")
        assert room.answer("u", "/r", lambda: b"new") == b"new"
        assert room.answer("v", "/r", unwanted) == b"other's"
