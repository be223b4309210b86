"""Values that are held packed, and changes that are read as they are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Mirror, Moved, Shelf
from libs.store.drivers.memory import MemoryStore
from libs.store.held import Packed
from libs.store.mirror import LONG
from libs.store.shelf import read
from libs.store.store import Entry
from tests.support.waiting import eventually

SETTINGS = Keyspace().platform


def entry(name: str, value: object, revision: int) -> Entry:
    record = PlatformSetting.model_validate({"value": value})
    return Entry(SETTINGS.key(name), record.encode(), revision, revision)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.text() | st.integers(), st.integers(1, 1 << 62)), min_size=1),
    st.integers(0, 3),
)
def test_what_is_unpacked_is_what_was_packed(taken: list[tuple[str, object, int]], recent: int) -> None:
    held = Packed(SETTINGS, recent)
    last: dict[str, Entry] = {}
    forms = []
    for name, value, revision in taken:
        one = last[name] = entry(name, value, revision)
        forms.append((one, held.take(one, read(SETTINGS, one))))
    for one in last.values():
        assert held.is_same(one)
        assert held.get(one.key) == read(SETTINGS, one)
        assert not held.is_same(Entry(one.key, one.value + b" ", one.revision, 0))
        assert not held.is_same(Entry(one.key, one.value, one.revision + 1, 0))
    for one, form in forms:
        assert held.document(one.key, form) == read(SETTINGS, one).document
    for one in last.values():
        held.drop(one.key)
        assert held.get(one.key) is None
        assert held.form(one.key) is None


def test_records_that_are_alike_take_little_room() -> None:
    held = Packed(SETTINGS, 0)
    for number in range(10):
        one = entry(f"s{number}", {"name": f"number {number}", "what": "a setting that is like the others" * 5}, 9)
        held.take(one, read(SETTINGS, one))
        form = held.form(one.key)
        assert form is not None
        assert len(form) < len(one.value) / 3


async def test_a_long_list_is_told_whole_and_every_time_it_is_read() -> None:
    store, told = MemoryStore(), list[Sequence[Moved[PlatformSetting]]]()
    shelf = Shelf(store, SETTINGS)
    for number in range(LONG + 1):
        await shelf.put(PlatformSetting(value=number), f"s{number:04}")
    mirror = Mirror(store, SETTINGS, recent=1)
    mirror.on_change(told.append)
    async with supervise(mirror=mirror.run()):
        await eventually(lambda: mirror.current)
    wanted = [Moved((f"s{number:04}",), None, PlatformSetting(value=number)) for number in range(LONG + 1)]
    assert list(told[0]) == list(told[0]) == wanted
    assert list(told[0][5:7]) == wanted[5:7]
    assert told[0][-1] == wanted[-1]
