"""Where syslog messages go, and that each is counted once."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import LINE_CAP, Frame, Kind, lines_of
from libs.loglines.line import PREFIX
from libs.loglines.selection import Selection
from services.logger.archive import Archive, Bounds
from services.logger.newest import last_lines
from services.logger.ring import Taken
from services.logger.syslog_framing import Framing, Split
from services.logger.syslog_intake import FATES, SPEAKERS, Intake

APPS = {"shop": "u1", "blog": "u2", "far": "u3"}


def intake(bounds: Bounds | None = None) -> tuple[Intake, Archive]:
    archive = Archive(bounds or Bounds())
    return Intake(archive, APPS.get, lambda uuid: uuid != "u3"), archive


def told(archive: Archive, app: str) -> list[tuple[str, Kind, bytes]]:
    ring = archive.ring(app)
    if ring is None:
        return []
    found = [(one.source.process, one.stored + b"\n") for one in last_lines(ring, Selection(), 1_000_000)]
    return [(process, line.kind, line.text) for process, stored in found for line in lines_of(stored)]


def test_messages_reach_the_apps_that_they_name_and_all_others_are_counted() -> None:
    into, archive = intake()
    messages = [
        b"<14>1 - - shop router - - GET /",
        b"<11>1 - - shop web.1 - - failed",
        b"<14>1 - - blog - - - hello",
        b"<14>1 - - nobody - - - x",
        b"<14>1 - - far - - - x",
        b"<14>rubbish",
        b'<14>1 - - haproxy 7 - [deis@32473 app=""] x',
    ]
    into.take(Split(messages, junk=2))
    assert told(archive, "shop") == [("router", Kind.OUT, b"GET /"), ("web.1", Kind.ERR, b"failed")]
    assert told(archive, "blog") == [("syslog", Kind.OUT, b"hello")]
    assert [getattr(into.counts, fate) for fate in FATES] == [3, 2, 1, 3, 0]
    assert set(archive.rings()) == {"u1", "u2"}


def test_lines_of_a_speaker_are_numbered_through_all_that_it_sends() -> None:
    into, archive = intake()
    for n in range(3):
        into.take(Split([b"<14>1 - - shop router - - %d %d" % (n, m) for m in range(2)]))
    assert archive.known("u1", "syslog:router").next == 6
    assert archive.counts.missing == archive.counts.doubles == 0
    assert [text for _, _, text in told(archive, "shop")] == [b"%d %d" % (n, m) for n in range(3) for m in range(2)]


def test_a_line_stays_one_line_and_an_overlong_one_says_what_is_missing() -> None:
    into, archive = intake()
    long = b"<14>1 - - shop web.1 - - " + b"x" * (LINE_CAP + 7)
    into.take(Split([b"<14>1 - - shop web.1 - - a\nb\r\n\0", long], cut={1: 100}))
    (_, _, first), (_, kind, second) = told(archive, "shop")
    assert first == b"a b"
    assert kind is Kind.OUT_CUT
    assert second == b"x" * LINE_CAP + b" [deis: 107 bytes cut]"
    assert into.counts.cut_bytes == 107


def test_a_line_without_a_time_has_that_of_its_receipt() -> None:
    into, archive = intake()
    before = time.time_ns()
    into.take(Split([b"<14>1 - - shop web.1 - - a"]))
    ring = archive.ring("shop")
    assert ring is not None
    (found,) = last_lines(ring, Selection(), 10)
    assert before <= int(found.stored[:16], 16) <= time.time_ns()


def test_a_chunk_of_ever_new_speakers_is_a_bounded_number_of_frames_in_the_order_that_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    into, archive = intake()
    taken: list[Frame] = []
    take = archive.take

    def noted(frame: Frame) -> Taken:
        taken.append(frame)
        return take(frame)

    monkeypatch.setattr(archive, "take", noted)
    for turn in range(3):
        into.take(Split([b"<14>1 - - shop p%d - - %d" % (n, n) for n in range(turn * 1000, turn * 1000 + 1000)]))
    assert len(taken) <= 3 * (SPEAKERS + 1)
    ring = archive.ring("shop")
    assert ring is not None
    assert len(ring.sources()) == SPEAKERS + 1
    shared = [found.stored[PREFIX:] for found in last_lines(ring, Selection(process="syslog"), 10_000)]
    assert shared == [b"%d" % n for n in range(SPEAKERS, 3000)]
    assert into.counts.stored == archive.lines() == 3000


MESSAGE = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(["shop", "blog", "far", "nobody"]).flatmap(
        lambda app: st.binary(max_size=30).map(lambda text: b"<13>1 - - %b web.1 - - %b" % (app.encode(), text))
    ),
)


@given(st.lists(MESSAGE, max_size=20))
def test_whatever_comes_each_message_has_one_fate(messages: list[bytes]) -> None:
    into, archive = intake()
    stream = b"".join(b"%d %b" % (len(message), message) for message in messages if message)
    into.take(Framing().feed(stream))
    assert sum(getattr(into.counts, fate) for fate in FATES) == len([message for message in messages if message])
    assert archive.counts.stored == into.counts.stored == archive.lines()
    assert archive.counts.refused == 0
