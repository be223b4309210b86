"""How lines travel from a node's agent to a logger: batches of frames, each with lines of one instance.

A frame is its header as one line of JSON, then as many bytes of stored lines as the header says. Lines of an instance
are numbered within a reading (a begin of reading by an agent that the logger knew nothing of), so that a batch that was
sent twice is stored once and a hole is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FRAME_LIMIT = 1024 * 1024  # bytes of stored lines in a frame
BATCH_LIMIT = 4 * 1024 * 1024  # bytes of a batch, headers included
HEADER_LIMIT = 4096  # bytes of a header
BOOT_HEADER = "Deis-Logger-Boot"  # with a batch: the boot that it is meant for


class BadBatch(ValueError):
    """Bytes whose frames cannot be told apart: nothing of them can be taken."""


class Header(BaseModel):
    """What a frame says before its lines."""

    model_config = ConfigDict(frozen=True)

    app: str = Field(min_length=1, max_length=128)
    app_uuid: str = Field(min_length=1, max_length=128)
    process: str = Field(min_length=1, max_length=128)  # `web.1`
    instance: str = Field(min_length=1, max_length=128)
    release: int = Field(ge=0)
    reading: str = Field(min_length=1, max_length=32)
    first: int = Field(ge=0)  # number of the first line within the reading
    lines: int = Field(ge=1)
    bytes: int = Field(ge=1, le=FRAME_LIMIT)  # of the block that follows
    position: str = Field(max_length=1024)  # where the agent stands after these lines; opaque to the logger


class Frame(NamedTuple):
    """Lines of one instance. The block is whatever was sent; `check_block` says whether it is one."""

    header: Header
    block: bytes


class Refused(BaseModel):
    """A frame that was not taken, and never will be: there is no use in sending it again."""

    index: int
    reason: str


class Ack(BaseModel):
    """The answer to a batch: everything in it is stored, was stored before, or is refused.

    `boot` is new with each start of the logger: one that is not the boot that was spoken to before has lost its
    rings, and the agent begins anew.
    """

    boot: str
    lines: int = 0  # stored now
    doubles: int = 0  # lines stored before
    refused: tuple[Refused, ...] = ()


class Known(BaseModel):
    """What a logger knows of an instance: its reading, and where its agent stood. No reading: nothing."""

    boot: str
    reading: str = ""
    next: int = 0  # the number that it expects next
    position: str = ""


def pack(frames: Iterable[Frame]) -> bytes:
    """A batch of frames."""
    parts: list[bytes] = []
    for frame in frames:
        parts += (frame.header.model_dump_json().encode(), b"\n", frame.block)
    return b"".join(parts)


def unpack(batch: bytes) -> list[Frame]:
    """The frames of a batch; raises `BadBatch`, and then none of them may be taken."""
    frames: list[Frame] = []
    at = 0
    while at < len(batch):
        end = batch.find(b"\n", at, at + HEADER_LIMIT)
        if end < 0:
            raise BadBatch(f"no header ends within {HEADER_LIMIT} bytes of byte {at}")
        try:
            header = Header.model_validate_json(batch[at:end])
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "header"
            raise BadBatch(f"the header at byte {at} is wrong: {where}: {first['msg']}") from error
        at = end + 1 + header.bytes
        if at > len(batch):
            raise BadBatch(f"the batch ends {at - len(batch)} bytes short of its last frame")
        frames.append(Frame(header, batch[end + 1 : at]))
    return frames
