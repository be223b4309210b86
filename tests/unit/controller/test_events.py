from __future__ import annotations

import pytest

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App
from libs.store.drivers.memory import MemoryStore
from services.controller import events
from services.controller.events import Events, in_one_line

KEYS = Keyspace()
APP = App(id="shop", uuid="u", owner="ann", created=now(), updated=now())


async def test_an_app_keeps_its_newest_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEPT", 3)
    monkeypatch.setattr(events, "SLACK", 1)
    trail = Events(MemoryStore(), KEYS)
    for number in range(10):
        await trail.record(APP, "scaled", "ann", f"cmd={number}")
        assert len(await trail.latest("u")) <= 4
    told = [event.message for _, event in await trail.latest("u")]
    assert told == [f"cmd={number}" for number in range(9, 9 - len(told), -1)]


async def test_an_event_that_cannot_be_read_fails_no_other_and_ends_with_its_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "KEPT", 2)
    monkeypatch.setattr(events, "SLACK", 0)
    store = MemoryStore()
    await store.put(KEYS.events.key("u", "0-junk"), b"junk")
    trail = Events(store, KEYS)
    for number in range(3):
        await trail.record(APP, "scaled", "ann", f"cmd={number}")
    assert [event.message for _, event in await trail.latest("u")] == ["cmd=2", "cmd=1"]


async def test_an_event_that_cannot_be_written_fails_nothing() -> None:
    store = MemoryStore()
    store.unavailable = True
    await Events(store, KEYS).record(APP, "scaled", "ann", "cmd=1")


def test_a_users_text_is_one_line_without_colours() -> None:
    assert in_one_line("run 'a\nb \x1b[31mc'") == r"run 'a\nb \x1b[31mc'"
    assert in_one_line("naïve ok") == "naïve ok"
