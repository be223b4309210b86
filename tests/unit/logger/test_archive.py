"""The memory that apps share, and what is remembered of instances."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from libs.keyspace.records import Event
from libs.loglines import BadBlock, Frame, Header, Kind, encode
from libs.loglines.selection import Selection
from libs.store.mirror import Moved
from services.logger.archive import Archive, Bounds
from services.logger.departed import Departed
from services.logger.metrics import ArchiveCollector
from services.logger.newest import last_lines, rendered
from services.logger.platform_lines import saying


def frame(app: str, count: int, *, first: int = 0, uuid: str = "", size: int = 100, instance: str = "i") -> Frame:
    block = b"".join(encode(first + n, Kind.OUT, b"x" * size) for n in range(count))
    header = Header(
        app=app,
        app_uuid=uuid or f"u-{app}",
        process="web.1",
        instance=instance,
        release=1,
        reading="r",
        first=first,
        lines=count,
        bytes=len(block),
        position=f"p{first + count}",
    )
    return Frame(header, block)


def kept(archive: Archive, app: str) -> int:
    ring = archive.ring(app)
    return ring.lines if ring else 0


def test_when_memory_is_short_the_largest_app_makes_room_and_the_small_ones_keep_all() -> None:
    archive = Archive(Bounds(lines=10**6, size=1 << 30, memory=1024 * 1024, floor=100))
    archive.take(frame("small", 500))
    for n in range(40):
        archive.take(frame("loud", 1000, first=n * 1000))
    assert kept(archive, "small") == 500
    assert archive.weight <= 1024 * 1024
    assert kept(archive, "loud") > 5000
    assert kept(archive, "loud") + archive.counts.evicted_by_memory == 40_000


def test_very_many_instances_of_an_app_stay_within_the_shared_bound_and_take_no_lines_of_others() -> None:
    archive = Archive(Bounds(memory=4 * 1024 * 1024, floor=100))
    archive.take(frame("small", 500))
    for n in range(6000):
        archive.take(frame("wide", 1, first=n, instance=f"i{n}", size=10))
        assert archive.weight <= 4 * 1024 * 1024
    assert kept(archive, "small") == 500
    assert kept(archive, "wide") + archive.counts.evicted_by_memory == 6000


def test_where_all_are_at_the_floor_instances_without_lines_are_forgotten_before_it_gives_way() -> None:
    archive = Archive(Bounds(lines=10, memory=200 * 1024, floor=10))
    for n in range(400):
        archive.take(frame("wide", 10, first=n * 10, instance=f"i{n}"))
    ring = archive.ring("wide")
    assert ring is not None
    assert len(ring.sources()) < 256
    assert (ring.lines, archive.counts.evicted_by_memory) == (10, 0)
    assert archive.weight <= 200 * 1024


def test_an_app_at_the_floor_gives_nothing_while_another_has_more() -> None:
    archive = Archive(Bounds(lines=10**6, size=1 << 30, memory=256 * 1024, floor=100))
    archive.take(frame("wide", 100, size=1500))  # more bytes than any, and no more lines than the floor
    for n in range(30):
        archive.take(frame("narrow", 100, first=n * 100, size=60))
    assert kept(archive, "wide") == 100
    assert kept(archive, "narrow") >= 100


def test_the_shared_bound_holds_even_where_every_app_is_at_the_floor() -> None:
    archive = Archive(Bounds(lines=10**6, size=1 << 30, memory=64 * 1024, floor=1000))
    for n in range(50):
        archive.take(frame(f"app{n}", 50))
        assert archive.weight <= 64 * 1024 + 3072 * 50
    assert archive.counts.evicted_by_memory > 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 60), st.integers(0, 300)), max_size=40))
def test_every_line_is_kept_or_counted_as_evicted(batches: list[tuple[str, int, int]]) -> None:
    archive = Archive(Bounds(lines=200, size=20_000, memory=40_000, floor=20))
    sent = dict.fromkeys("abcd", 0)
    for app, count, size in batches:
        archive.take(frame(app, count, first=sent[app], size=size))
        sent[app] += count
    counts = archive.counts
    assert counts.stored == sum(sent.values())
    assert archive.lines() + counts.evicted_by_ring + counts.evicted_by_memory == counts.stored
    assert archive.weight == sum(ring.weight for ring in archive._rings.values())


def test_an_instance_is_known_by_its_reading_and_position() -> None:
    archive = Archive(Bounds())
    assert archive.known("u-a", "i").reading == ""
    archive.take(frame("a", 7))
    known = archive.known("u-a", "i")
    assert (known.boot, known.reading, known.next, known.position) == (archive.boot, "r", 7, "p7")
    assert archive.known("u-a", "other").reading == ""
    archive.forget("u-a")
    assert archive.known("u-a", "i").reading == ""
    assert (archive.weight, archive.lines()) == (0, 0)


def test_a_name_means_the_app_that_has_it_now() -> None:
    archive = Archive(Bounds())
    archive.take(frame("shop", 3, uuid="old"))
    archive.take(frame("shop", 5, uuid="new"))
    assert [ring.lines for uuid in ("old", "new", None) if (ring := archive.ring("shop", uuid))] == [3, 5, 5]
    assert archive.ring("shop", "third") is None
    archive.clear("shop", "old")
    assert kept(archive, "shop") == 5
    archive.clear("shop")
    assert kept(archive, "shop") == 0
    assert archive.counts.deleted == 8
    archive.forget("new")
    assert archive.ring("shop") is None


def test_a_frame_that_is_none_costs_nothing_and_is_counted() -> None:
    archive = Archive(Bounds())
    good = frame("a", 2)
    with pytest.raises(BadBlock):
        archive.take(Frame(good.header, b"x" * len(good.block)))
    assert archive.counts.refused == 2
    assert archive.lines() == 0
    assert archive.take(good).stored == 2


def test_an_app_is_departed_only_after_it_was_absent_at_every_look() -> None:
    departed = Departed(patience=60)
    assert departed.look(["a", "b"], ["a", "b"], at=0) == []
    assert departed.look(["a", "b"], ["a"], at=10) == []
    assert departed.look(["a", "b"], ["a", "b"], at=50) == []
    assert departed.look(["a", "b"], ["a"], at=60) == []
    assert departed.look(["a", "b"], ["a"], at=119) == []
    assert departed.look(["a", "b"], ["a"], at=120) == ["b"]
    assert departed.look(["a"], ["a"], at=130) == []


def event(message: str) -> Event:
    return Event(app="shop", kind="deployed", by="admin", message=message, at=datetime(2020, 1, 1, tzinfo=UTC))


def test_only_new_events_are_said_and_each_line_of_theirs_is_a_line() -> None:
    archive = Archive(Bounds())
    say = saying(archive)
    first = event("failed:\n  exit 1")
    say([Moved(("u", "1"), None, first)])
    say([Moved(("u", "1"), first, event("changed")), Moved(("u", "1"), first, None)])
    ring = archive.ring("shop")
    assert ring is not None
    assert rendered("shop", last_lines(ring, Selection(), 9)).splitlines() == [
        b"2020-01-01T00:00:00UTC shop[deis]: failed:",
        b"2020-01-01T00:00:00UTC shop[deis]:   exit 1",
    ]


def test_the_figures_account_for_every_line() -> None:
    archive, registry = Archive(Bounds(lines=5)), CollectorRegistry()
    registry.register(ArchiveCollector(archive))
    archive.take(frame("a", 4))
    archive.take(frame("a", 4))
    archive.take(frame("a", 4, first=6))
    shown = generate_latest(registry).decode()
    for figure in (
        'deis_logger_lines_total{fate="stored"} 8.0',
        'deis_logger_lines_total{fate="doubles"} 4.0',
        'deis_logger_lines_total{fate="missing"} 2.0',
        'deis_logger_evicted_lines_total{bound="ring"} 4.0',
        "deis_logger_kept_lines 5.0",
    ):
        assert figure in shown


def test_many_names_are_bounded_and_the_longest_silent_that_nobody_follows_go_first() -> None:
    archive = Archive(Bounds(rings=100))
    followed = archive.feed("app0", "u-app0", Selection())
    for n in range(1000):
        archive.take(frame(f"app{n}", 1))
        archive.take(frame("busy", 1, first=n))
        assert len(archive.rings()) <= 100
    assert {"u-app0", "u-busy", "u-app999"} <= set(archive.rings())
    assert kept(archive, "busy") == 1000
    counts = archive.counts
    assert counts.evicted_by_rings == counts.stored - archive.lines() > 800
    assert archive.weight == sum(ring.weight for ring in archive._rings.values())
    assert len(archive._heard) == len(archive.rings())
    followed.close()


def test_numbers_of_a_ring_that_went_are_never_given_again() -> None:
    archive = Archive(Bounds(rings=1))
    archive.take(frame("a", 50))
    before = archive.feed("a", "u-a", Selection())
    place = before._ring.sources()[0].place
    archive.forget("u-a")
    archive.take(frame("a", 60))
    ring = archive.ring("a")
    assert ring is not None
    assert ring.sources()[0].born >= place.next


def test_what_is_kept_is_what_came_less_what_went() -> None:
    archive = Archive(Bounds(lines=50, rings=2, memory=40_000, floor=5))
    for n in range(40):
        app = f"app{n * n % 5}"  # 0, 1, 4, 4, 1
        archive.take(frame(app, 30, first=n * 40))  # with holes
        archive.say(app, f"u-{app}", n, "said")
        if n % 7 == 0:
            archive.clear(app)
        if n % 11 == 0:
            archive.forget(f"u-{app}")
    counts = archive.counts
    evicted = counts.evicted_by_ring + counts.evicted_by_memory + counts.evicted_by_rings
    assert archive.lines() == counts.stored + counts.platform + counts.holes - evicted - counts.deleted
    assert min(counts.holes, counts.evicted_by_rings, counts.evicted_by_ring, counts.deleted) > 0
