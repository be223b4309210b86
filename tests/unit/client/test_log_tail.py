"""A log tail as its reader has it, without I/O: whatever comes is read or refused, and lines come in order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.logs import exact_time
from libs.client.tailing import tail_url
from libs.loglines.line import LAST, Kind, Line, encode, lines_of
from libs.loglines.tail import (
    MOST_PLACES,
    BadMessage,
    Cursor,
    Missed,
    Part,
    Source,
    begin,
    event_of,
    merged,
    parts_of,
)

TIMES = st.integers(0, LAST)
TEXTS = st.binary(max_size=20).map(lambda text: text.replace(b"\n", b" "))
LINES = st.builds(Line, TIMES | st.integers(0, 5), st.sampled_from(Kind), TEXTS)
NAMES = st.sampled_from(["", "i1", "i2", "i3"])
BLOCKS = st.lists(LINES, max_size=6)
PARTS = st.lists(st.tuples(NAMES, BLOCKS, TIMES, st.integers(0, 9)), max_size=6)


def packed(said: list[tuple[str, list[Line], int, int]]) -> bytes:
    """A message as a logger writes it."""
    message = b""
    for instance, lines, at, nth in said:
        block = b"".join(encode(*line) for line in lines)
        header = {"process": "web.1", "instance": instance, "release": 1, "lines": len(lines), "bytes": len(block)}
        message += json.dumps({**header, "next": 7, "at": at, "nth": nth}).encode() + b"\n" + block
    return message


@given(PARTS)
def test_what_a_logger_writes_is_read(said: list[tuple[str, list[Line], int, int]]) -> None:
    parts = parts_of(packed(said))
    assert [(one.source.instance, list(lines_of(one.block)), one.source.at, one.source.nth) for one in parts] == said


@given(PARTS)
def test_merged_lines_are_all_lines_each_instances_in_its_order(said: list[tuple[str, list[Line], int, int]]) -> None:
    told = list(merged(parts_of(packed(said))))
    for instance in {name for name, *_ in said}:
        wanted = [line for name, lines, *_ in said if name == instance for line in lines]
        assert [line for source, line in told if source.instance == instance] == wanted
    assert len(told) == sum(len(lines) for _, lines, *_ in said)


@given(st.lists(st.tuples(NAMES, BLOCKS)))
def test_lines_of_orderly_instances_come_by_time(said: list[tuple[str, list[Line]]]) -> None:
    last: dict[str, list[Line]] = {}
    for name, lines in said:
        last.setdefault(name, []).extend(lines)
    whole = [(name, sorted(lines, key=lambda line: line.at), 0, 0) for name, lines in last.items()]
    times = [line.at for _, line in merged(parts_of(packed(whole)))]
    assert times == sorted(times)


@given(st.binary(max_size=200) | PARTS.flatmap(lambda said: mangled(packed(said))))
def test_bytes_that_are_no_message_are_refused_and_nothing_else_is_raised(message: bytes) -> None:
    try:
        parts = parts_of(message)
    except BadMessage:
        return
    assert all(one.block.count(b"\n") == one.source.lines for one in parts)
    list(merged(parts))


def mangled(message: bytes) -> st.SearchStrategy[bytes]:
    """The message with some bytes of it replaced by others."""
    cut = st.integers(0, len(message))
    return st.builds(lambda a, b, by: message[: min(a, b)] + by + message[max(a, b) :], cut, cut, st.binary(max_size=9))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
FIELDS = ("app", "logger", "boot", "lines", "from", "until", "why", "reason", "detail")
EVENTS = st.dictionaries(st.sampled_from(FIELDS), JSON).flatmap(
    lambda fields: st.sampled_from(["ready", "live", "missed", "end", "later"]).map(
        lambda kind: {"type": kind, **fields}
    )
)


@given(st.text(max_size=60) | JSON.map(json.dumps) | EVENTS.map(json.dumps))
def test_a_text_is_an_event_or_refused_or_of_a_later_version(text: str) -> None:
    try:
        event = event_of(text)
    except BadMessage:
        return
    kind = json.loads(text)["type"]
    assert kind == event.type if event else kind not in {"ready", "live", "missed", "end"}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "7", "null", '{"type": 7}', '{"type": "missed", "lines": -1}', "\ud800"]
)
def test_a_text_without_sense_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        event_of(text)


def test_what_nobody_knows_of_missed_lines_is_none() -> None:
    said = {"type": "missed", "lines": None, "from": None, "until": None, "why": "evicted", "more": 1}
    event = event_of(json.dumps(said))
    assert isinstance(event, Missed)
    assert (event.lines, event.since, event.until) == (None, None, None)


def place(instance: str, next_: int) -> Part:
    names: dict[str, Any] = {"process": "web.1", "instance": instance, "release": 1}
    return Part(Source(**names, lines=0, bytes=0, next=next_, at=next_, nth=1), b"")


def test_a_cursor_names_a_boot_while_all_its_places_are_of_it() -> None:
    assert Cursor().as_json() is None
    cursor = Cursor().reading("b1")
    assert cursor.as_json() == {"boot": "b1", "sources": {}}
    cursor = cursor.after([place("i1", 3), place("i2", 4)])
    assert cursor.after([place("i1", 5)]).as_json() == {
        "boot": "b1",
        "sources": {"i2": {"next": 4, "at": 4, "nth": 1}, "i1": {"next": 5, "at": 5, "nth": 1}},
    }
    moved = cursor.reading("b2").after([place("i1", 1)])
    assert (moved.as_json() or {})["boot"] == ""
    assert (moved.after([place("i2", 1)]).as_json() or {})["boot"] == "b2"


def test_a_cursor_keeps_those_places_that_were_told_last() -> None:
    cursor = Cursor("b1").after(place(str(number), number) for number in range(MOST_PLACES))
    cursor = cursor.after([place("0", 9), place("new", 1)])
    assert len(cursor.places) == MOST_PLACES
    assert {"0", "new"} <= cursor.places.keys()
    assert "1" not in cursor.places


def test_a_reader_begins_with_what_it_wants_and_where_it_stood() -> None:
    said = json.loads(begin(3, {"process": "web"}, Cursor("b1").after([place("i1", 2)])))
    after = {"boot": "b1", "sources": {"i1": {"next": 2, "at": 2, "nth": 1}}}
    assert said == {"type": "begin", "lines": 3, "select": {"process": "web"}, "after": after}
    assert json.loads(begin(0, {}))["after"] is None


@pytest.mark.parametrize(
    ("controller", "url", "wanted"),
    [
        ("http://deis.localhost:8080", "ws://x/logs/l1/tail", "ws://deis.localhost:8080/logs/l1/tail"),
        ("https://deis.example.com", "ws://10.0.0.1:80/logs/l1/tail", "wss://deis.example.com/logs/l1/tail"),
        ("http://[::1]:8000", "wss://deis/logs/a%2Fb/tail?x=1", "ws://[::1]:8000/logs/a%2Fb/tail"),
    ],
)
def test_a_tail_is_opened_at_the_host_that_the_user_named(controller: str, url: str, wanted: str) -> None:
    assert tail_url(controller, url) == wanted


def test_times_are_told_to_the_nanosecond() -> None:
    assert exact_time(1767323045_000000007) == "2026-01-02T03:04:05.000000007Z"
