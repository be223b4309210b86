"""Syslog drains: every line is received or counted, whatever happens to the receiver."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from libs.loglines import Kind
from services.logger.drains.course import Bounds
from services.logger.drains.kind import Target
from services.logger.drains.way import Way
from tests.integration.logger.drained import INWARD, Receiver, Said, a_drain, draining, number_of, numbers_of
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.rsyslog import running_rsyslog
from tests.support.waiting import eventually

MIB = 1024 * 1024


async def test_rsyslog_gets_each_line_with_its_fields(tmp_path: Path) -> None:
    port, said = free_port(), Said()
    async with running_rsyslog(tmp_path / "r", port) as rsyslog, draining(a_drain(f"syslog://localhost:{port}"), said):
        said.put([b"GET / 200", b"", "Zoë ☂".encode(), b"\xff odd \x00 bytes", b"x" * 200_000], 0)
        said.put([b"oh no"], 5, kind=Kind.ERR)
        said.archive.say("shop", "uuid-shop", 1_795_464_717_344_202_999, "ann deployed v4")
        await eventually(lambda: len(rsyslog.lines()) == 7)
        lines = rsyslog.lines()
    app = [line for line in lines if line["process"] == "web.1"]
    assert [line["text"].strip() for line in app][:4] == ["GET / 200", "", "Zoë ☂", "� odd #000 bytes"]
    assert app[4]["text"].strip() == "x" * 131_072 + " [deis: 68928 bytes cut]"
    assert [line["pri"] for line in app] == ["134"] * 5 + ["131"]
    assert {(line["host"], line["app"], line["id"]) for line in lines} == {("d.one", "shop", "-")}
    assert 'app="shop" instance="x7k2" release="4"' in app[0]["data"]
    assert '[meta sequenceId="1"]' in app[0]["data"]
    (platform,) = (line for line in lines if line["process"] == "deis")
    assert (platform["pri"], platform["text"].strip()) == ("157", "ann deployed v4")
    assert platform["time"] == "2026-11-23T20:11:57.344202+00:00"


async def test_rsyslog_behind_tls_is_verified_by_name_and_authority(tmp_path: Path) -> None:
    port, said, made = free_port(), Said(), make_certificate("localhost", ["localhost"])
    other = make_certificate("localhost", ["localhost"])
    async with running_rsyslog(tmp_path / "r", port, own=made) as rsyslog:
        async with draining(a_drain(f"syslog+tls://localhost:{port}", ca=made.pem), said) as course:
            said.say(1000)
            await eventually(lambda: course.state().sent == 1000)
            await eventually(lambda: len(rsyslog.lines()) == 1000)
        async with draining(a_drain(f"syslog+tls://localhost:{port}", ca=other.pem), said) as course:
            said.say(1)
            await eventually(lambda: "is not trusted" in course.state().error)
        async with draining(a_drain(f"syslog+tls://127.0.0.1:{port}", ca=made.pem), said) as course:
            said.say(1)
            await eventually(lambda: "is not trusted" in course.state().error)
        assert len(rsyslog.lines()) == 1000


async def test_rsyslog_that_asks_for_a_certificate_gets_the_drains(tmp_path: Path) -> None:
    port, said = free_port(), Said()
    own, client = make_certificate("localhost", ["localhost"]), make_certificate("logger")
    drain = a_drain(f"syslog+tls://localhost:{port}", ca=own.pem)
    shown = Target(drain.url, drain.token, ca=own.pem, client_certificate=client.pem, client_key=client.key)
    async with running_rsyslog(tmp_path / "r", port, own=own, clients=client.pem, mode="x509/certvalid") as rsyslog:
        async with draining(drain, said) as course:
            said.say(10)
            await eventually(lambda: course.state().error)
            assert rsyslog.lines() == []
        async with draining(drain, said, target=shown):
            said.say(10)
            await eventually(lambda: len(rsyslog.lines()) == 10)


async def test_a_restart_of_rsyslog_loses_nothing(tmp_path: Path) -> None:
    port, said = free_port(), Said()
    async with draining(a_drain(f"syslog://127.0.0.1:{port}"), said) as course:
        for _ in range(3):
            async with running_rsyslog(tmp_path / "r", port) as rsyslog:
                before = len(rsyslog.lines())
                said.say(2000)
                await eventually(lambda: len(rsyslog.lines()) > before)  # noqa: B023 - asked within the turn
        async with running_rsyslog(tmp_path / "r", port) as rsyslog:
            await eventually(lambda: course.state().sent == said.next == 6000)
            await eventually(lambda: {number_of(one["text"].encode()) for one in rsyslog.lines()} == set(range(6000)))
            assert course.state().dropped == 0


async def test_connections_that_break_at_any_moment_lose_nothing() -> None:
    said, receiver = Said(), Receiver()
    async with receiver.listening(), draining(a_drain(f"syslog://127.0.0.1:{receiver.port}"), said) as course:
        for _ in range(8):
            before = len(receiver.messages)
            said.say(3000, size=100)
            await eventually(lambda: len(receiver.messages) > before)  # noqa: B023 - asked within the turn
            receiver.cut()
        await eventually(lambda: course.state().sent == said.next)
        assert set(numbers_of(receiver.messages)) == set(range(said.next))
        assert course.state().dropped == 0


async def test_a_dead_receiver_costs_the_oldest_lines_and_each_is_counted_and_told() -> None:
    said, receiver = Said(), Receiver()
    drain = a_drain(f"syslog://127.0.0.1:{receiver.port}")
    async with draining(drain, said, bounds=Bounds(size=MIB)) as course:
        for _ in range(50):
            said.say(1000, size=100)
            await asyncio.sleep(0)
        await eventually(lambda: course.state().waiting + course.state().dropped == 50_000)
        assert course.state().dropped > 0
        assert course.state().failing is not None
        assert f"127.0.0.1:{receiver.port} cannot be reached" in course.state().error
        async with receiver.listening():
            await eventually(lambda: course.state().waiting == 0)
            state = course.state()
    assert state.sent + state.dropped == 50_000
    assert state.error == ""
    assert numbers_of(receiver.messages) == list(range(state.dropped, 50_000))
    assert (
        f"Error L10 (output buffer overflow): {state.dropped} messages dropped since".encode() in receiver.messages[0]
    )


async def test_a_receiver_that_hangs_is_left_and_all_that_it_never_read_is_sent_again_or_counted() -> None:
    said, receiver = Said(), Receiver()
    drain = a_drain(f"syslog://127.0.0.1:{receiver.port}")
    async with receiver.listening(), draining(drain, said, bounds=Bounds(size=4 * MIB)) as course:
        said.say(10)
        await eventually(lambda: course.state().sent == 10)
        receiver.reading.clear()
        for _ in range(200):
            said.say(1000, size=100)
            await asyncio.sleep(0)
        await eventually(lambda: course.state().failing is not None)
        receiver.reading.set()
        await eventually(lambda: course.state().waiting == 0)
        state = course.state()
    assert state.sent + state.dropped == said.next
    missing = set(range(said.next)) - set(numbers_of(receiver.messages))
    assert len(missing) <= state.dropped


@pytest.mark.parametrize("end", ["closes", "resets"])
async def test_a_receiver_that_talks_back_is_not_listened_to_and_its_end_is_noticed_all_the_same(end: str) -> None:
    said, talked, kept = Said(), 0, []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal talked
        kept.append((reader, writer))
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(MIB))
                talked += 1
                await writer.drain()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    drain = a_drain(f"syslog://127.0.0.1:{port}")
    async with draining(drain, said) as course:
        said.say(100)
        await eventually(lambda: course.state().sent == 100)
        server.close()
        receiver = Receiver(port)
        async with receiver.listening():
            for _, writer in kept:
                if end == "closes":
                    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as sock:
                        sock.shutdown(socket.SHUT_RDWR)
                writer.transport.abort()
            said.say(100)
            await eventually(lambda: set(numbers_of(receiver.messages)) >= set(range(100, 200)))
            await eventually(lambda: course.state().waiting == 0)
        assert course.state().dropped == 0
    assert talked < 64  # what the kernels hold, and no more


async def test_lines_that_waited_too_long_are_dropped_and_counted() -> None:
    said = Said()
    async with draining(a_drain(f"syslog://127.0.0.1:{free_port()}"), said, bounds=Bounds(age=0.2)) as course:
        said.say(100)
        await eventually(lambda: course.state().dropped == 100)
        assert course.state().waiting == 0


async def test_a_drain_may_not_go_inward() -> None:
    said, receiver = Said(), Receiver()
    terms = replace(INWARD, way=Way())
    async with (
        receiver.listening(),
        draining(a_drain(f"syslog://localhost:{receiver.port}"), said, terms=terms) as course,
    ):
        said.say(1)
        await eventually(lambda: "where no drain may go" in course.state().error)
    assert receiver.messages == []


async def test_after_a_restart_a_drain_goes_on_where_it_was_though_the_ring_is_filled_anew() -> None:
    receiver = Receiver()
    drain = a_drain(f"syslog://127.0.0.1:{receiver.port}")
    texts = [f"line {n}".encode() for n in range(300)]
    async with receiver.listening():
        said = Said()
        async with draining(drain, said) as course:
            said.put(texts[:200], 0)
            await eventually(lambda: course.state().sent == 200)
            state = course.state()
        again, ring = Said(), said.archive.ring("shop")
        assert ring is not None
        source = ring.source("x7k2")
        assert source is not None
        block, _ = source.run.read(0, source.run.size)
        async with draining(drain, again, states=(state,)) as course:
            again.put_block(block, 0)
            again.put(texts[200:], 200)
            await eventually(lambda: course.state().sent == 100)
    assert numbers_of(receiver.messages) == list(range(300))
