"""The parts of drains that do no I/O: buffer, notices, places, addresses, rendering."""

from __future__ import annotations

import re
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.document import now
from libs.keyspace.records import Drain, DrainState, MeshMember
from libs.loglines import Kind, encode, lines_of, nanoseconds
from libs.loglines.sharing import logger_of
from services.logger.drains.buffer import LAST_NUMBER, Buffer
from services.logger.drains.keeping import wanted
from services.logger.drains.kind import Away, kind_of
from services.logger.drains.kinds.https import pause_of
from services.logger.drains.losses import Losses
from services.logger.drains.lot import Lot, Mark, Origin
from services.logger.drains.rendering import Layout
from services.logger.drains.resuming import MOST_PLACES, placed, start_of

WEB = Origin("shop", "web.1", "x7k2", 4)
CREATED = datetime(2020, 1, 1, tzinfo=UTC)


def block(*texts: bytes, at: int = 1_795_464_717_344_202_000, kind: Kind = Kind.OUT) -> bytes:
    return b"".join(encode(at + n, kind, text) for n, text in enumerate(texts))


def drain(app: str = "shop", id_: str = "one") -> Drain:
    return Drain(id=id_, app=app, owner="ann", url="syslog://h:1", token="d.1", created=CREATED)


def state(**places: tuple[int, int]) -> DrainState:
    return DrainState(places={f"u/{name}": place for name, place in places.items()}, since=CREATED, updated=CREATED)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3000)), max_size=60), st.integers(1, 100_000), st.data())
def test_every_line_is_sent_dropped_or_waiting_and_numbers_show_which(
    blocks: list[tuple[int, int]], size: int, data: st.DataObject
) -> None:
    buffer = Buffer(size=64 * 1024, age=100.0)
    seen: list[int] = []
    added = 0
    for count, length in blocks:
        texts = [b"%d %b" % (added + n + 1, b"x" * length) for n in range(count)]
        added += count
        buffer.add(WEB, block(*texts), count, None, at=0.0)
        if data.draw(st.booleans()):
            taken = buffer.take(size)
            for lot in taken:
                numbers = [int(line.text.split(b" ")[0]) for line in lines_of(lot.block)]
                assert numbers == [*range(lot.first, lot.first + lot.lines)]
                seen += numbers
            buffer.settle(taken, arrived=True)
        assert buffer.sent + buffer.losses.dropped + buffer.lines == added
    assert seen == sorted(set(seen))
    assert len(seen) == buffer.sent


def test_what_is_held_counts_towards_the_bound_until_it_is_settled() -> None:
    buffer = Buffer(size=1024 * 1024, age=100.0)
    for _ in range(8):
        buffer.add(WEB, block(*[b"x" * 1000] * 100), 100, None, at=0.0)
    held = buffer.take(700_000)
    for _ in range(8):
        buffer.add(WEB, block(*[b"x" * 1000] * 100), 100, None, at=0.0)
    assert buffer.losses.dropped > 0
    buffer.settle(held, arrived=False)
    assert buffer.lines + buffer.losses.dropped == 1600


@pytest.mark.parametrize("sources", [1, 2])
def test_a_buffer_of_many_short_lines_takes_little_more_memory_than_its_bound(sources: int) -> None:
    buffer = Buffer(size=1024 * 1024, age=900.0)
    tracemalloc.start()
    for n in range(20_000):
        name = f"i{n % sources}"
        buffer.add(WEB._replace(instance=name), block(b"", at=10**18 + n), 1, Mark("u", name, n, n, 1), at=n / 1000)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 2 * 1024 * 1024
    assert buffer.lines + buffer.losses.dropped == 20_000
    assert (buffer.losses.dropped == 0) == (sources == 1)  # those of one source are joined


def test_numbers_begin_again_where_syslogs_end() -> None:
    buffer = Buffer(size=1024, age=100.0)
    buffer._next = LAST_NUMBER - 1
    buffer.add(WEB, block(b"a", b"b"), 2, None, at=0.0)
    assert buffer.take(1000)[0].first == 1


def test_losses_are_told_with_their_number_and_not_too_often() -> None:
    losses = Losses()
    assert not losses.is_due(0.0)
    losses.count(3)
    losses.count(4)
    assert b"Error L10 (output buffer overflow): 7 messages dropped since 20" in losses.tell(0.0)
    losses.count(None)
    assert not losses.is_due(9.0)
    assert losses.is_due(10.0)
    assert b"an unknown number of messages" in losses.tell(10.0)
    assert losses.dropped == 7


@given(st.lists(st.binary(max_size=300).filter(lambda text: b"\n" not in text), min_size=1, max_size=20), st.booleans())
def test_frames_can_be_told_apart_whatever_is_in_the_lines(texts: list[bytes], structured: bool) -> None:
    layout = Layout("d.1", "r", 32473, structured)
    rest = layout.frames(Lot(WEB, block(*texts), len(texts), 9, 0.0))
    for number, text in enumerate(texts, 9):
        length, _, rest = rest.partition(b" ")
        message, rest = rest[: int(length)], rest[int(length) :]
        data = b'[meta sequenceId="%d"][deis@32473 app="shop" instance="x7k2" release="4" run="r"] ' % number
        head = b"<134>1 2026-11-23T20:11:57.344202+00:00 d.1 shop web.1 - "
        shown = text.decode("utf-8", "replace").replace("\0", "#000").encode()
        assert message == head + data * structured + shown
    assert rest == b""


@pytest.mark.parametrize(
    ("kind", "text", "priority"),
    [
        (Kind.OUT, b"hello", 134),
        (Kind.ERR, b"hello", 131),
        (Kind.OUT, b'{"level":"error"}', 131),
        (Kind.ERR, b"[info] hello", 134),
        (Kind.ERR_CUT, b"level=warn msg=hello", 132),
        (Kind.OUT, b"DEBUG hello", 135),
        (Kind.PLATFORM, b"ERROR hello", 157),
        (Kind.GAP, b"ERROR hello", 156),
    ],
)
def test_a_line_is_as_severe_as_it_says_itself_else_as_its_stream(kind: Kind, text: bytes, priority: int) -> None:
    lot = Lot(WEB, block(b"GET /") + block(text, kind=kind) + block(b"POST /"), 3, 1, 0.0)
    assert [int(found) for found in re.findall(rb"<([0-9]+)>1 ", Layout("d.1", "r", 1).frames(lot))] == [
        134,
        priority,
        134,
    ]


def test_long_lines_are_cut_at_a_character_and_say_so() -> None:
    layout = Layout("d.1", "r", 1, longest=10)
    assert layout.frames(Lot(WEB, block("ä".encode() * 9), 1, 1, 0.0)).endswith("] äääää [deis: 8 bytes cut]".encode())
    layout = Layout("d.1", "r", 1, longest=11)
    assert layout.frames(Lot(WEB, block("ä".encode() * 9), 1, 1, 0.0)).endswith("] äääää [deis: 8 bytes cut]".encode())


def test_names_and_values_that_could_break_a_header_are_made_harmless() -> None:
    origin = Origin("a" * 60, 'we b"]', 'x"]\\', 1)
    frame = Layout("d.1", "r", 1).frames(Lot(origin, block(b"t"), 1, 1, 0.0)).decode()
    assert re.search(rf' {"a" * 48} we_b"\] - \[meta sequenceId="1"\]', frame)
    assert 'instance="x\\"\\]\\\\"' in frame


def test_a_kind_is_found_by_its_scheme_and_an_unknown_one_is_told() -> None:
    assert {kind_of(f"{scheme}://h").__name__.rpartition(".")[2] for scheme in ("syslog", "syslog+tls")} == {"syslog"}  # type: ignore[attr-defined]
    with pytest.raises(Away, match="knows no drain of kafka://"):
        kind_of("kafka://h")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("99999", 300.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
    ],
)
def test_what_a_receiver_asks_for_is_bounded(header: str, seconds: float) -> None:
    assert pause_of(header) == seconds


def test_a_drain_begins_behind_the_latest_place_that_any_logger_wrote() -> None:
    start = start_of(drain(), None, [state(a=(5, 1), b=(9, 2)), state(a=(7, 3))])
    assert start.places == {"u/a": (7, 3), "u/b": (9, 2)}
    assert start.cutoff == nanoseconds(CREATED)
    cursor = start.cursor("u", {("u", "b"): Mark("u", "b", 0, 11, 1)})
    assert cursor is not None
    assert {name: place[1:] for name, place in cursor.sources.items()} == {"a": (7, 3), "b": (11, 1)}


def test_a_new_drain_takes_what_comes_from_now_on() -> None:
    assert start_of(drain(), None, []).cursor("u", {}) is None
    early, late = block(b"old", at=nanoseconds(CREATED)), block(b"new", at=nanoseconds(now()))
    assert start_of(drain(), None, []).new(early + late, 2) == (late, 1)


def test_of_too_many_places_the_latest_are_kept_and_the_others_are_before_them() -> None:
    marks = {("u", f"i{n}"): Mark("u", f"i{n}", 0, 10**18 * 2 + n, 1) for n in range(MOST_PLACES + 10)}
    places = placed({}, marks)
    assert len(places) == MOST_PLACES
    full = DrainState(places=places, since=CREATED, updated=CREATED)
    assert start_of(drain(), full, []).cutoff == 10**18 * 2 + 10


def test_a_logger_runs_the_drains_of_the_apps_that_it_keeps() -> None:
    members = [MeshMember(service="logger", id=id_, node=id_, url="http://x", started=CREATED) for id_ in ("a", "b")]
    drains = [((f"u{n}", f"d{n}"), drain(f"app{n}", f"d{n}")) for n in range(20)]
    drains.append((("platform", "all"), drain("", "all")))
    names = [(f"app{n}", f"u{n}") for n in range(20)]
    of_a, of_b = (wanted(drains, members, names, own) for own in ("a", "b"))
    assert of_a.keys() | of_b.keys() == {id_ for (_, id_), _ in drains}
    assert of_a.keys() & of_b.keys() == {"all"}
    assert of_a["all"][1].keys() & of_b["all"][1].keys() == set()
    assert all((keeper := logger_of(uuid, members)) and keeper.id == "a" for uuid in of_a["all"][1])
