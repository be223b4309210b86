"""Whatever comes in, by whichever door: it is taken or refused in words, bounded, and counted."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import BadBatch, BadBlock, Frame, Header, Kind, check_block, encode, lines_of, pack, unpack
from libs.loglines.selection import PARAMETERS, BadSelection, parse
from services.logger.archive import Archive, Bounds
from services.logger.syslog_framing import MESSAGE_CAP, Framing
from services.logger.syslog_intake import FATES, SPEAKERS, Intake
from services.logger.tail_messages import BadBegin, read_begin

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MIB = 1024 * 1024
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def a_frame(app: str, block: bytes, **changed: object) -> Frame:
    header = Header(
        app=app,
        app_uuid=f"u-{app}",
        process="web.1",
        instance="i",
        release=1,
        reading="r",
        first=0,
        lines=block.count(b"\n") or 1,
        bytes=len(block),
        position="",
    )
    return Frame(header.model_copy(update=changed), block)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_block_or_refused(block: bytes) -> None:
    try:
        count = check_block(block)
    except BadBlock:
        return
    assert len(list(lines_of(block))) == count > 0


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_a_batch_with_a_byte_changed_is_a_batch_or_refused_whole(text: bytes, at: int, byte: int) -> None:
    batch = bytearray(pack([a_frame("shop", encode(1, Kind.OUT, text)), a_frame("blog", encode(2, Kind.ERR, text))]))
    batch[at % len(batch)] = byte
    archive = Archive(Bounds())
    try:
        frames = unpack(bytes(batch))
    except BadBatch:
        return
    counts, sent = archive.counts, 0
    for frame in frames:
        sent += frame.header.lines
        with suppress(BadBlock):
            archive.take(frame)
    assert counts.stored + counts.refused + counts.doubles == sent


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_refused(batch: bytes) -> None:
    with suppress(BadBatch):
        assert pack(unpack(batch)) or not batch


@given(st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=5), st.text(max_size=40), max_size=4))
def test_any_filters_are_read_or_refused_with_the_name_of_one(parameters: dict[str, str]) -> None:
    refusal = ""
    try:
        parse(parameters, now=NOW, strict=True)
    except BadSelection as error:
        refusal = str(error)
    assert not refusal or any(name in refusal or repr(name) in refusal for name in parameters)


@given(st.text(max_size=60) | st.binary(max_size=60) | JSON.map(lambda value: str(value).replace("'", '"')))
def test_any_first_message_of_a_tail_is_read_or_refused(message: str | bytes) -> None:
    with suppress(BadBegin):
        assert read_begin(message).lines >= 0


def test_names_of_apps_without_end_take_bounded_memory_and_each_line_stays_counted() -> None:
    archive = Archive(Bounds(memory=8 * MIB, rings=500))
    block = encode(1, Kind.OUT, b"x" * 100)
    template = a_frame("shop", block)
    tracemalloc.start()
    try:
        for n in range(5_000):
            name = f"app-{n}"
            archive.take(Frame(template.header.model_copy(update={"app": name, "app_uuid": f"u-{name}"}), block))
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    counts = archive.counts
    assert len(archive.rings()) <= 500
    assert counts.stored == 5_000
    assert archive.lines() == counts.stored - counts.evicted_by_rings - counts.evicted_by_memory


def test_names_in_syslog_without_end_make_no_ring_and_are_counted() -> None:
    archive = Archive(Bounds())
    into = Intake(archive, lambda _: None, lambda _: True)
    framing = Framing()
    tracemalloc.start()
    try:
        for part in range(20):
            messages = [b"<14>1 - - app-%d web.%d - - x\n" % (part * 1000 + n, n) for n in range(1000)]
            into.take(framing.feed(b"".join(messages)))
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    assert not archive.rings()
    assert into.counts.unknown == 20_000


def test_a_syslog_sender_of_processes_without_end_costs_other_apps_nothing() -> None:
    archive = Archive(Bounds(lines=1000, memory=8 * MIB))
    into = Intake(archive, {"loud": "u1", "calm": "u2"}.get, lambda _: True)
    into.take(Framing().feed(b"<14>1 - - calm web.1 - - still here\n"))
    for part in range(20):
        into.take(Framing().feed(b"".join(b"<14>1 - - loud p%d.%d - - x\n" % (part, n) for n in range(1000))))
    ring, calm = archive.ring("loud", "u1"), archive.ring("calm", "u2")
    assert ring is not None
    assert calm is not None
    assert (ring.lines, calm.lines) == (1000, 1)
    assert sum(source.run.lines > 0 for source in ring.sources()) <= SPEAKERS + 1
    assert archive.weight <= 8 * MIB


def test_a_gigabyte_without_an_end_takes_no_more_than_two_messages() -> None:
    part = b"x" * 262_144
    for begin in (b"<14>1 - - shop web.1 - - ", b"%d <14>1 - - shop web.1 - - " % (2**30 + 25), b"rubbish"):
        archive = Archive(Bounds())
        into, framing = Intake(archive, lambda _: "u1", lambda _: True), Framing()
        tracemalloc.start()
        try:
            into.take(framing.feed(begin))
            for _ in range(4096):
                into.take(framing.feed(part))
            into.take(framing.feed(b"\n<14>1 - - shop web.1 - - after\n"))
            assert tracemalloc.get_traced_memory()[1] < 8 * MESSAGE_CAP
        finally:
            tracemalloc.stop()
        assert sum(getattr(into.counts, fate) for fate in FATES) == 2
        assert archive.lines() == into.counts.stored >= 1
