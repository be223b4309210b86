"""Senders behind TLS: all that they said counts, however they leave; who only pretends to speak it holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.logger import syslog_sender
from services.logger.archive import Archive, Bounds
from services.logger.syslog_intake import Intake
from services.logger.syslog_listener import Listener
from services.logger.syslog_terms import Terms
from tests.support.certificates import make_certificate
from tests.support.waiting import eventually

LOCAL, NAME = "127.0.0.1", "logger.test"
LINES = 20_000  # more than the kernel and TLS hold for a reader that pauses


class Place:
    """A listener behind TLS, and who trusts it."""

    def __init__(self, directory: Path) -> None:
        made = make_certificate(NAME, [NAME])
        (cert := directory / "cert.pem").write_text(made.pem)
        (key := directory / "key.pem").write_text(made.key)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(cert, key)
        self.trust = ssl.create_default_context(cafile=cert)
        self.archive = Archive(Bounds(lines=10 * LINES))
        self.intake = Intake(self.archive, lambda name: f"uuid-{name}", lambda uuid: True)
        self.listener = Listener(self.intake, 4, patience=60)
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Place]:
        async with self.listener.listening(Terms(LOCAL, 0, 4, self.tls, None)) as self.port:
            yield self

    def connect(self) -> ssl.SSLSocket:
        sock = socket.create_connection((LOCAL, self.port), timeout=30)
        try:
            return self.trust.wrap_socket(sock, server_hostname=NAME)
        except OSError:
            sock.close()
            raise

    @property
    def stored(self) -> int:
        return self.archive.counts.stored


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def lines(count: int) -> bytes:
    return b"".join(b"<14>1 - - shop web.1 - - line %d\n" % n for n in range(count))


def closes(sock: ssl.SSLSocket) -> None:
    """As RFC 5425 has it."""
    sock.unwrap()
    sock.close()


def goes(sock: ssl.SSLSocket) -> None:
    """As a program that ends: the connection's end is all that is told."""
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(4096):  # what TLS 1.3 sends after its handshake
        pass
    sock.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("leaves", [closes, goes])
async def test_what_a_sender_said_last_is_taken_however_it_leaves(
    place: Place, leaves: type, version: ssl.TLSVersion
) -> None:
    place.trust.maximum_version = version
    place.trust.options |= ssl.OP_IGNORE_UNEXPECTED_EOF

    def send() -> None:
        sock = place.connect()
        sock.sendall(lines(LINES))
        leaves(sock)

    async with place.open():
        await asyncio.to_thread(send)
        await eventually(lambda: not place.listener.senders, what="the sender is gone")
        assert place.stored == LINES
        assert place.intake.counts.unfinished == place.intake.counts.malformed == 0
        assert place.intake.counts.bytes == len(lines(LINES))


async def test_a_handshake_may_come_byte_by_byte(place: Place) -> None:
    async with place.open():
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = place.trust.wrap_bio(incoming, outgoing, server_hostname=NAME)
        reader, writer = await asyncio.open_connection(LOCAL, place.port)
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        for byte in outgoing.read():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        shaken = False
        while not shaken:
            incoming.write(await reader.read(65536))
            try:
                client.do_handshake()
                shaken = True
            except ssl.SSLWantReadError:
                continue
        client.write(lines(3))
        for byte in outgoing.read():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await eventually(lambda: place.stored == 3)
        writer.transport.abort()
        await eventually(lambda: not place.listener.senders, what="the sender is gone")


async def test_of_who_speaks_no_tls_nothing_is_taken(place: Place) -> None:
    async with place.open():
        reader, writer = await asyncio.open_connection(LOCAL, place.port)
        writer.write(lines(3))
        assert await reader.read() == b""
        writer.close()
        assert place.stored == place.intake.counts.bytes == 0


async def test_who_trusts_no_such_certificate_may_say_so_and_is_gone(place: Place) -> None:
    place.trust = ssl.create_default_context()
    async with place.open():
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(place.connect)
        await eventually(lambda: place.listener.connections == 0, what="the connection is forgotten")
        assert place.intake.counts.senders == 0


async def test_handshakes_that_do_not_end_leave_room_for_those_that_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.open():
        dumb = [await asyncio.open_connection(LOCAL, place.port) for _ in range(6)]
        for _, writer in dumb:
            writer.write(b"\x16\x03\x01")
        good = await asyncio.to_thread(place.connect)
        good.sendall(lines(2))
        await eventually(lambda: place.stored == 2)
        assert len(place.listener.senders) == 1
        await place.listener.close_stalled()
        assert not any(reader.at_eof() for reader, _ in dumb)
        monkeypatch.setattr(syslog_sender, "HANDSHAKE", 0.0)
        await place.listener.close_stalled()
        for reader, writer in dumb:
            assert await _is_cut_off(reader)
            writer.transport.abort()
        assert len(place.listener.senders) == 1
        good.close()


async def _is_cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_more_handshakes_than_there_could_ever_be_senders_are_turned_away(place: Place) -> None:
    async with place.open():
        dumb = [await asyncio.open_connection(LOCAL, place.port) for _ in range(9)]
        await eventually(lambda: place.intake.counts.turned_away == 1)
        for _, writer in dumb:
            writer.transport.abort()
        await eventually(lambda: place.listener.connections == 0, what="the connections are forgotten")
        good = await asyncio.to_thread(place.connect)
        good.sendall(lines(1))
        await eventually(lambda: place.stored == 1)
        good.close()
