"""What stands before a syslog message's text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import nanoseconds
from services.logger.syslog_head import EARLIEST, LATEST, SECOND, Speaker, is_error, read_head, speaker, time_of

NOW = nanoseconds(datetime(2026, 11, 23, 20, 36, 17, 783_091, tzinfo=UTC))
FREE = st.binary(max_size=60)
TOKEN = st.text("abcXYZ019._-:/\xe9", min_size=1, max_size=32).map(str.encode)


@pytest.mark.parametrize(
    ("message", "severity", "stamp", "app", "process", "text"),
    [
        (b"<165>1 2003-08-24T05:14:15.000003-07:00 h shop web.1 - - %% x", 5, "2003…", b"shop", b"web.1", b"%% x"),
        (b"<34>1 2003-10-11T22:14:15.003Z m su - ID47 - \xef\xbb\xbf'su'", 2, "2003…", b"su", b"-", b"'su'"),
        (b"<13>1 - - - - - -", 5, "-", b"-", b"-", b""),
        (b'<165>1 - h shop web.1 - [a@1 x="]\\"]"][b y="2"] [text]', 5, "-", b"shop", b"web.1", b"[text]"),
        (b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", 2, "", b"su", b"", b"'su root' failed"),
        (b"<14>Nov  3 20:30:00 shop[web.1]: hello", 6, "", b"shop", b"web.1", b"hello"),
        (b"<14>shop[12]: hello: you", 6, "", b"shop", b"12", b"hello: you"),
        (b"<30>2026-11-23T20:36:17.783091+00:00 node1 shop[web.1]: x", 6, "2026…", b"shop", b"web.1", b"x"),
        (b"<14>Nov 23 20:30:00 fe80::1 shop: x", 6, "", b"shop", b"", b"x"),
    ],
)  # fmt: skip
def test_both_forms_of_heads_are_read(  # noqa: PLR0917 - a row of the table above
    message: bytes, severity: int, stamp: str, app: bytes, process: bytes, text: bytes
) -> None:
    head = read_head(message)
    assert head is not None
    assert (head.severity, head.app, head.process, message[head.end :]) == (severity, app, process, text)
    assert head.stamp.startswith(stamp.rstrip("…").encode())
    assert bool(head.stamp) == bool(stamp)


@pytest.mark.parametrize(
    "message",
    [b"", b"<", b"<13>", b"<192>1 - - - - - -", b"<1234>a: b", b"<13>1 - - - - -", b'<13>1 - - a b - [x y="z] t',
     b"<13>1 - - - - - nothing", b"<13>no tag at all", b"hello", b"<a>1 - - - - - -"],
)  # fmt: skip
def test_what_is_no_head_is_none(message: bytes) -> None:
    assert read_head(message) is None


@given(st.one_of(FREE, FREE.map(lambda data: b"<13>1 " + data), FREE.map(lambda data: b"<13>1 - - a b - [" + data)))
def test_any_bytes_are_a_head_or_none(message: bytes) -> None:
    head = read_head(message)
    if head is not None:
        assert 0 <= head.severity <= 7
        assert head.end <= len(message)
        who = speaker(head.app, head.process, head.data)
        assert who.process
        assert len(who.instance) <= 128
        assert abs(time_of(head.stamp, NOW) - NOW) <= EARLIEST


@given(TOKEN, TOKEN, st.integers(0, 191), FREE)
def test_a_head_that_is_right_gives_what_was_put_in(app: bytes, process: bytes, priority: int, text: bytes) -> None:
    message = b"<%d>1 2026-11-23T20:36:17Z h %b %b - - %b" % (priority, app, process, text)
    head = read_head(message)
    assert head is not None
    assert (head.app, head.process, head.severity) == (app, process, priority % 8)
    assert message[head.end :] in {text, text.removeprefix(b"\xef\xbb\xbf")}


def test_the_hardest_heads_take_one_pass() -> None:
    for message in (
        b"<13>1 - - a b - " + b"[x" * 100_000,
        b'<13>1 - - a b - [x y="' + b"\\" * 200_001,
        b'<13>1 - - a b - [x y="' + b'\\"' * 100_000,
        b"<13>" + b"a" * 200_000,
        b"<13>" + b"a " * 100_000,
        b"<13>1 " + b" " * 200_000,
    ):
        assert read_head(message) is None


def test_severities_to_err_are_stderr() -> None:
    assert [is_error(severity) for severity in range(8)] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (b"2026-11-23T20:36:16.5Z", NOW - SECOND - 283_091_000),
        (b"2026-11-23T21:36:16.5+01:00", NOW - SECOND - 283_091_000),
        (b"2026-11-23T20:36:17Z", NOW),  # of whole seconds: within it, the receipt counts
        (b"2026-11-23T20:36:16Z", NOW - 783_091_000 - 1),
        (b"2026-11-23T20:36:18Z", NOW - 783_091_000 + SECOND),
        (b"2026-11-23T20:36:17.5", NOW),  # of no zone
        (b"2015-01-31T23:59:59.5Z", NOW),
        (b"2026-11-23T20:50:00.5Z", NOW),
        (b"-", NOW),
        (b"", NOW),
        (b"\xff\xfe", NOW),
        (b"9999-99-99T99:99:99Z", NOW),
    ],
)
def test_a_time_that_is_believable_is_the_lines(stamp: bytes, expected: int) -> None:
    assert time_of(stamp, NOW) == expected
    assert NOW - EARLIEST <= expected <= NOW + LATEST


@pytest.mark.parametrize(
    ("app", "process", "data", "expected"),
    [
        (b"shop", b"web.1", b"-", Speaker("shop", "web.1", "syslog:web.1", 0)),
        (b"shop", b"-", b"-", Speaker("shop", "syslog", "syslog:syslog", 0)),
        (b"shop", b"1234", b"-", Speaker("shop", "syslog", "syslog:syslog", 0)),
        (b"shop", b"deis", b"-", Speaker("shop", "syslog", "syslog:syslog", 0)),
        (b"shop", b"a" * 49, b"-", Speaker("shop", "syslog", "syslog:syslog", 0)),
        (b"shop", b"\xff", b"-", Speaker("shop", "syslog", "syslog:syslog", 0)),
        (b"s", b"w.1", b'[deis@32473 release="4" instance="x7"]', Speaker("s", "w.1", "syslog:w.1:v4:x7", 4)),
        (b"h", b"9", b'[o@1][deis@32473 app="shop" process="router"]', Speaker("shop", "router", "syslog:router", 0)),
        (b"x", b"-", b'[deis@32473 app="sh\\"o\\]p\\\\"]', Speaker('sh"o]p\\', "syslog", "syslog:syslog", 0)),
        (b"x", b"-", b'[deis@32473 app=""]', Speaker("", "syslog", "syslog:syslog", 0)),
        (b"x", b"-", b'[a@1 b="[deis@32473 app=\\"evil\\"\\]"]', Speaker("x", "syslog", "syslog:syslog", 0)),
        (b"x", b"-", b'[deis@32473 release="-1" instance="../x"]', Speaker("x", "syslog", "syslog:syslog", 0)),
    ],
)  # fmt: skip
def test_who_speaks_is_told_by_the_head_and_by_the_platforms_own_element(
    app: bytes, process: bytes, data: bytes, expected: Speaker
) -> None:
    assert speaker(app, process, data) == expected
