"""Docker's multiplexed output: frames of eight header bytes and a payload; of logs, one piece behind its time.

Source: Docker Engine API, "Stream format" of `/containers/{id}/attach`; the time is RFC 3339 with nine digits. Pure.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from libs.engine.engine import LogPiece

Stream = Literal["stdout", "stderr"]

HEADER = struct.Struct(">BxxxL")
LONGEST_FRAME = 1 << 20  # bytes
FULL_PIECE = 16 * 1024  # bytes: the engine cuts lines there, and nowhere else (moby's daemon/logger/copier.go)
STREAMS: dict[int, Stream] = {1: "stdout", 2: "stderr"}
SECOND = 1_000_000_000


class BadFrame(ValueError):
    """Bytes that are no frame of output."""


class FrameReader:
    """Takes bytes as they come, and gives the frames that are complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[Stream, bytes]]:
        """The payloads that these bytes complete. Raises `BadFrame`."""
        data, at = self._rest + data, 0
        frames = []
        while len(data) - at >= HEADER.size:
            number, length = HEADER.unpack_from(data, at)
            if number not in STREAMS or length > LONGEST_FRAME:
                raise BadFrame(f"a frame of stream {number} with {length} bytes is none of a container's output")
            end = at + HEADER.size + length
            if len(data) < end:
                break
            frames.append((STREAMS[number], data[at + HEADER.size : end]))
            at = end
        self._rest = data[at:]
        return iter(frames)


def piece(stream: Stream, payload: bytes) -> LogPiece:
    """A payload `<time> <data>` as a piece. Raises `BadFrame`.

    One that is not full ends its line, although its newline may be missing: so comes what a run wrote last and did not
    end, and from the driver `local` of 20.10 the rest of every line that was cut (an empty one, where there is none).
    """
    stamp, blank, data = payload.partition(b" ")
    if not blank:
        raise BadFrame(f"a piece of output without a time: {payload[:80]!r}")
    if len(data) < FULL_PIECE and not data.endswith(b"\n"):
        data += b"\n"
    return LogPiece(nanoseconds(stamp.decode("ascii", "replace")), stream, data)


def nanoseconds(stamp: str) -> int:
    """A time like `2026-11-23T10:12:54.003942744Z`, or with an offset, as ns since the epoch. Raises `BadFrame`."""
    whole, dot, rest = stamp.partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(digits) :]
    if not (dot and digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise BadFrame(f"{stamp!r} is no time of a piece of output")
    return _second(whole + zone) * SECOND + int(digits.ljust(9, "0"))


@functools.lru_cache(maxsize=64)
def _second(text: str) -> int:
    """Seconds since the epoch; remembered, since many lines share theirs."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadFrame(f"{text!r} is no time of a piece of output") from error
    if moment.tzinfo is None:
        raise BadFrame(f"{text!r} has no time zone")
    return int(moment.timestamp())
