"""The framing against whatever is sent, in whatever chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.logger.syslog_framing import MESSAGE_CAP, Framing, Split

TEXT = st.binary(max_size=30)
LINE = TEXT.map(lambda text: b"<" + text.replace(b"\n", b"."))
COUNTED = st.binary(min_size=1, max_size=30)


def fed(framing: Framing, chunks: list[bytes]) -> Split:
    """What all chunks brought, together."""
    whole = Split()
    for chunk in chunks:
        split = framing.feed(chunk)
        for index, cut in split.cut.items():
            whole.cut[len(whole.messages) + index] = cut
        whole.messages += split.messages
        whole.junk += split.junk
    return whole


def chunks_of(stream: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    return [*chunks, stream[at:]]


SIZES = st.lists(st.integers(0, 40), max_size=40)


@given(st.lists(st.one_of(st.tuples(st.just(True), COUNTED), st.tuples(st.just(False), LINE)), max_size=20), SIZES)
def test_messages_of_both_framings_come_out_as_they_went_in_however_they_are_chunked(
    sent: list[tuple[bool, bytes]], sizes: list[int]
) -> None:
    stream = b"".join(b"%d %b" % (len(data), data) if counted else data + b"\n" for counted, data in sent)
    framing = Framing()
    found = fed(framing, chunks_of(stream, sizes))
    assert found.messages == [data for _, data in sent]
    assert (found.junk, found.cut, framing.open) == (0, {}, False)


@given(st.binary(max_size=400), SIZES)
def test_anything_at_all_is_read_alike_however_it_is_chunked(stream: bytes, sizes: list[int]) -> None:
    whole, parts = Framing(), Framing()
    assert fed(whole, [stream]) == fed(parts, chunks_of(stream, sizes))
    assert whole.open == parts.open


@given(
    st.text("<0123456789 \n\r\0ax", max_size=80).map(str.encode),
    SIZES,
)
def test_what_looks_like_syslog_is_read_alike_however_it_is_chunked(stream: bytes, sizes: list[int]) -> None:
    assert fed(Framing(), [stream]) == fed(Framing(), chunks_of(stream, sizes))


@given(st.integers(1, 5 * MESSAGE_CAP), st.integers(1, 100_000))
def test_an_overlong_message_keeps_its_begin_and_tells_how_much_is_missing(length: int, step: int) -> None:
    for stream, begin in ((b"%d " % length + b"<" * length, b"<"), (b"<" + b"x" * (length - 1) + b"\n", b"<x")):
        found = fed(Framing(), [stream[at : at + step] for at in range(0, len(stream), step)] + [b"2 <a<b\n"])
        kept = min(length, MESSAGE_CAP)
        assert [len(message) for message in found.messages] == [kept, 2, 2]
        assert found.messages[0].startswith(begin[:kept])
        assert found.cut == ({0: length - kept} if length > kept else {})
        assert found.junk == 0


def test_a_message_of_a_gigabyte_takes_no_more_than_the_cap() -> None:
    framing, part = Framing(), b"x" * 65536
    framing.feed(b"%d <13>1 - - shop - - - " % (1 << 30))
    for _ in range((1 << 30) // len(part) - 1):
        assert not framing.feed(part).messages
        assert len(framing._held) <= MESSAGE_CAP
    found = framing.feed(part)
    assert [len(message) for message in found.messages] == [MESSAGE_CAP]
    assert found.cut == {0: (1 << 30) - MESSAGE_CAP}


def test_what_begins_no_message_is_passed_over_to_the_next_line_and_counted() -> None:
    found = fed(Framing(), [b"GET / HTTP/1.0\r\nHost: x\r\n\r\n<13>one\n", b"007 <13>x\n99999999999 <13>y\n<13>two\n"])
    assert found.messages == [b"<13>one", b"<13>two"]
    assert found.junk == 4


def test_a_message_that_only_began_is_open() -> None:
    for begin in (b"<13>sh", b"12", b"20 <13>", b"%d <13>" % (1 << 29)):
        framing = Framing()
        framing.feed(begin)
        assert framing.open
