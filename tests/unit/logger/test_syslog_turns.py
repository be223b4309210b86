"""How syslog senders share the logger's loop with all that else goes on there."""

from __future__ import annotations

import asyncio

from services.logger.archive import Archive, Bounds
from services.logger.syslog_intake import Intake
from services.logger.syslog_listener import PIECE, Listener, Sender

MESSAGE = b"<14>1 - - shop web.1 - - hello\n"


class Wire(asyncio.Transport):
    """A connection that knows whether its sender reads on."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closed = False

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


def connected(listener: Listener) -> tuple[Sender, Wire]:
    sender, wire = Sender(listener), Wire()
    sender.connection_made(wire)
    return sender, wire


def says(sender: Sender, data: bytes) -> int:
    """The sender's loop reads what there is room for; how much that was."""
    room = sender.get_buffer(-1)
    size = min(len(room), len(data))
    room[:size] = data[:size]
    sender.buffer_updated(size)
    return size


def made() -> tuple[Listener, Archive]:
    archive = Archive(Bounds())
    intake = Intake(archive, lambda name: f"uuid-{name}", lambda uuid: True)
    return Listener(intake, 10, patience=60), archive


async def test_a_turn_of_the_loop_takes_one_piece_however_many_senders_have_one() -> None:
    listener, archive = made()
    senders = [connected(listener) for _ in range(5)]
    flood = MESSAGE * (PIECE // len(MESSAGE) + 1)
    assert [says(sender, flood) for sender, _ in senders] == [PIECE] * 5
    assert not any(wire.reads for _, wire in senders)
    each = PIECE // len(MESSAGE)
    for turn in range(1, 6):
        await asyncio.sleep(0)
        assert archive.counts.stored == turn * each
        assert [wire.reads for _, wire in senders] == [True] * turn + [False] * (5 - turn)


async def test_small_pieces_of_many_share_a_turn() -> None:
    listener, archive = made()
    for sender, _ in [connected(listener) for _ in range(10)]:
        says(sender, MESSAGE)
    await asyncio.sleep(0)
    assert archive.counts.stored == 10


async def test_what_was_read_of_a_sender_that_goes_is_taken() -> None:
    listener, archive = made()
    (left, _), (ended, wire) = connected(listener), connected(listener)
    says(left, MESSAGE)
    says(ended, MESSAGE + b"<14>1 - - shop")
    left.connection_lost(None)
    ended.end("the logger ends")
    assert archive.counts.stored == 2
    assert listener.intake.counts.unfinished == 1
    assert not wire.reads
    await asyncio.sleep(0)
    assert archive.counts.stored == 2
    assert listener.intake.counts.bytes == len(MESSAGE) * 2 + len(b"<14>1 - - shop")
