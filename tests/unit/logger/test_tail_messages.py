"""What readers say, and what they are told: read back with the reader's own code."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import Kind, encode
from libs.loglines.line import LAST
from libs.loglines.selection import Selection
from libs.loglines.tail import (
    Cursor,
    End,
    Live,
    Missed,
    Part,
    Place,
    Places,
    Ready,
    Stand,
    begin,
    event_of,
    parts_of,
)
from services.logger import feed_place
from services.logger import tail_messages as messages
from services.logger.feed import Piece
from services.logger.ring import Source
from services.logger.tail_ends import STOPPING
from services.logger.tail_pieces import Pieces, build

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "lines", "select", "after", "x"]), inner),
)
TIMES = st.integers(0, LAST)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_whatever_is_said_is_a_beginning_or_is_refused_with_words(said: str | bytes) -> None:
    def type_of(said: str | bytes) -> str:
        try:
            return messages.read_begin(said).type
        except messages.BadBegin as error:
            return str(error)

    assert type_of(said)


@given(st.integers(0, 1_000_000), st.dictionaries(st.text(), st.text(), max_size=5))
def test_what_a_reader_writes_is_read(lines: int, select: dict[str, str]) -> None:
    cursor = Cursor("b", {"x7": Place("b", 12, LAST, 3), "": Place("b", 0, 0, 0)})
    read = messages.read_begin(begin(lines, select, cursor))
    assert (read.lines, read.select) == (lines, select)
    assert read.after is not None
    assert read.after.boot == "b"
    assert {name: (one.next, one.at, one.nth) for name, one in read.after.sources.items()} == {
        "x7": (12, LAST, 3),
        "": (0, 0, 0),
    }


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ('{"type": "begin", "lines": "5"}', "lines"),
        ('{"type": "begin", "lines": 1000001}', "lines"),
        ('{"type": "begin", "select": {"grep": 1}}', "select.grep"),
        ('{"type": "start"}', "type"),
        ('{"type": "begin", "after": {"sources": {}}}', "after.boot"),
        (json.dumps({"type": "begin", "after": {"boot": "", "sources": {"a" * 129: {}}}}), "after.sources"),
        (b'{"type": "begin"}', "binary"),
    ],
)
def test_the_refusal_names_the_part(said: str | bytes, part: str) -> None:
    with pytest.raises(messages.BadBegin, match=part):
        messages.read_begin(said)


def test_a_cursor_has_so_many_places_at_most() -> None:
    place = {"next": 0, "at": 0, "nth": 0}
    after = {"boot": "", "sources": {str(n): place for n in range(messages.MOST_PLACES + 1)}}
    with pytest.raises(messages.BadBegin, match="sources"):
        messages.read_begin(json.dumps({"type": "begin", "after": after}))
    del after["sources"]["0"]  # type: ignore[attr-defined]
    assert messages.read_begin(json.dumps({"type": "begin", "after": after})).after is not None


def test_events_are_read_by_the_reader() -> None:
    assert event_of(messages.ready("shop", "n1", "b")) == Ready(type="ready", app="shop", logger="n1", boot="b")
    sources = {"i1": Stand(next=7, at=5, nth=1)}
    sources["~"] = Stand(next=9, at=0, nth=0)
    assert event_of(messages.places({"i1": feed_place.Place(7, 5, 1)}, 9)) == Places(type="places", sources=sources)
    assert event_of(messages.live()) == Live(type="live")
    assert event_of(messages.end(STOPPING)) == End(type="end", reason="stopping", detail=STOPPING.detail)


@given(st.none() | st.integers(0), st.none() | TIMES, st.none() | TIMES)
def test_what_was_missed_is_told_to_the_nanosecond(lines: int | None, since: int | None, until: int | None) -> None:
    told = event_of(messages.missed(lines, since, until, "slow"))
    assert isinstance(told, Missed)
    assert (told.lines, told.why) == (lines, "slow")
    for at, text in ((since, told.since), (until, told.until)):
        assert (text is None) == (at is None)
        if text is not None and at is not None:
            assert datetime.fromisoformat(text).utcoffset() is not None
            assert int(text[-10:-1]) == at % 1_000_000_000
            assert int(datetime.fromisoformat(text[:19] + "+00:00").timestamp()) == at // 1_000_000_000


def piece(process: str, *texts: bytes, next_: int = 7) -> Piece:
    block = b"".join(encode(n, Kind.OUT, text) for n, text in enumerate(texts))
    return Piece(Source(f"id-{process}", process, 3), block, len(texts), next_, 5, 1)


def parts(message: bytes) -> list[tuple[str, str, int, int, int, int, bytes]]:
    def shown(part: Part) -> tuple[str, str, int, int, int, int, bytes]:
        source = part.source
        return source.process, source.instance, source.release, source.next, source.at, source.nth, part.block

    return [shown(part) for part in parts_of(message)]


@given(st.lists(st.binary().map(lambda text: text.replace(b"\n", b" ")), max_size=5), st.text(max_size=128))
def test_lines_are_read_by_the_reader(texts: list[bytes], process: str) -> None:
    told = (piece(process, *texts), piece("web.2"))
    assert parts(build(told)) == [(one.source.process, one.source.instance, 3, 7, 5, 1, one.block) for one in told]


def test_tails_that_are_told_the_same_share_the_message() -> None:
    pieces, everything = Pieces(), Selection()
    told = (piece("web.1", b"a", b"b"), piece("web.2", b"c"))
    with pieces.reader("u1", everything) as first, pieces.reader("u1", everything) as second:
        assert first(told) is second(told)
        assert first(told) is second(tuple(Piece(*one) for one in told))
        further = (told[0]._replace(next=8),)
        assert first(further) == build(further) != second((told[0],))
        with pieces.reader("u2", everything) as other:
            assert other(told) == first(told)
            assert other(told) is not first(told)


def test_messages_that_are_kept_are_few_and_gone_with_the_tails() -> None:
    pieces, everything = Pieces(), Selection()
    with pieces.reader("u1", everything) as alone:
        told = (piece("web.1", b"a"),)
        assert alone(told) is not alone(told), "one tail keeps none"
        with pieces.reader("u1", everything) as second:
            for n in range(100):
                second((piece("web.1", b"%d" % n * 50_000),))
            assert second(told) is alone(told)
            [choice] = pieces._choices.values()
            kept = sum(len(message) for _, message in choice.built.values())
            assert kept == choice.size <= 1024 * 1024
            large = (piece("web.1", b"x" * 2_000_000),)
            assert second(large) is alone(large)
            assert len(choice.built) == 1
        assert (choice.size, len(choice.built)) == (0, 0)
    assert pieces._choices == {}
