"""How syslog senders share the logger's loop with all that else goes on there."""

from __future__ import annotations

import asyncio

from services.logger.archive import Archive, Bounds
from services.logger.syslog_intake import Intake
from services.logger.syslog_listener import Listener
from services.logger.syslog_sender import PIECE, Sender

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
    sender, wire = listener.sender(), Wire()
    sender.connection_made(wire)
    return sender, wire


def made() -> tuple[Listener, Archive]:
    archive = Archive(Bounds())
    intake = Intake(archive, lambda name: f"uuid-{name}", lambda uuid: True)
    return Listener(intake, 10, patience=60), archive


async def test_a_turn_of_the_loop_takes_one_piece_however_many_senders_have_one() -> None:
    listener, archive = made()
    senders = [connected(listener) for _ in range(5)]
    flood = (MESSAGE * (PIECE // len(MESSAGE) + 1))[:PIECE]
    for sender, _ in senders:
        sender.data_received(flood)
    assert not any(wire.reads for _, wire in senders)
    each = PIECE // len(MESSAGE)
    for turn in range(1, 6):
        await asyncio.sleep(0)
        assert archive.counts.stored == turn * each
        assert [wire.reads for _, wire in senders] == [True] * turn + [False] * (5 - turn)


async def test_small_pieces_of_many_share_a_turn() -> None:
    listener, archive = made()
    for sender, _ in [connected(listener) for _ in range(10)]:
        sender.data_received(MESSAGE)
    await asyncio.sleep(0)
    assert archive.counts.stored == 10


async def test_what_was_read_of_a_sender_that_goes_is_taken() -> None:
    listener, archive = made()
    (left, _), (ended, wire) = connected(listener), connected(listener)
    left.data_received(MESSAGE)
    ended.data_received(MESSAGE + b"<14>1 - - shop")
    left.connection_lost(None)
    ended.end("the logger ends")
    assert archive.counts.stored == 1
    assert listener.intake.counts.unfinished == 1
    assert not wire.reads
    await asyncio.sleep(0)
    assert not listener.senders
    assert archive.counts.stored == 2
    assert listener.intake.counts.bytes == len(MESSAGE) * 2 + len(b"<14>1 - - shop")


async def test_much_that_came_at_once_is_taken_in_turns_after_its_sender_has_gone_too() -> None:
    listener, archive = made()
    sender, wire = connected(listener)
    sender.data_received(MESSAGE * 4000)
    sender.connection_lost(None)
    turns = 0
    while listener.senders:
        assert not wire.reads
        turns += 1
        await asyncio.sleep(0)
        assert archive.counts.stored == min(turns * PIECE // len(MESSAGE), 4000)
    assert turns == -(-4000 * len(MESSAGE) // PIECE)
    assert listener.intake.counts.unfinished == 0
