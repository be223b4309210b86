"""Syslog senders as they are: plain sockets, TLS with certificates, a real HAProxy; and those who mean ill."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from libs.daemon import Daemon
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.records import App
from libs.store.shelf import Shelf
from services.logger.settings import LoggerSettings
from services.logger.syslog_terms import BadListener, Terms
from tests.integration.logger.world import KEYS, Spoken, World
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.waiting import eventually

LOCAL = "127.0.0.1"


@pytest.fixture
async def world(tmp_path: Path) -> Spoken:
    made = World(tmp_path, MemoryEngine())
    now = datetime.now(UTC)
    apps = Shelf(made.store, KEYS.apps)
    for name in ("shop", "blog"):
        await apps.put(App(id=name, uuid=f"uuid-{name}", owner="eve", created=now, updated=now), name)
    return made


@asynccontextmanager
async def listening(world: Spoken, **changed: Any) -> AsyncIterator[tuple[Daemon, int]]:
    """A logger that takes syslog, and the port where."""
    async with world.logger(logger_syslog_port=0, **changed) as daemon:
        await eventually(lambda: "syslog" in daemon.facts, what="the logger takes syslog")
        said = daemon.facts["syslog"]()
        assert isinstance(said, dict)
        yield daemon, said["port"]


def counted(daemon: Daemon, fate: str) -> float:
    return daemon.registry.get_sample_value("deis_logger_syslog_messages_total", {"fate": fate}) or 0.0


def figure(daemon: Daemon, name: str) -> float:
    return daemon.registry.get_sample_value(f"deis_logger_syslog_{name}") or 0.0


@asynccontextmanager
async def sender(port: int, **options: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOCAL, port, **options)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_both_framings_and_both_heads_reach_their_apps(world: Spoken) -> None:
    async with listening(world) as (daemon, port), sender(port) as (_, writer), sender(port) as (_, other):
        counting = b"<14>1 - - shop router - - GET /"
        writer.write(b"%d %b" % (len(counting), counting) * 3)
        other.write(b"<11>Nov 23 20:30:00 host blog[web.1]: failed\n<13>1 - - nobody - - - x\nrubbish\n")
        await world.has(["GET /"] * 3, process="router")
        await world.has(["failed"], app="blog", stream="stderr")
        await eventually(lambda: counted(daemon, "malformed") == counted(daemon, "unknown") == 1)
        assert counted(daemon, "stored") == 4
        assert figure(daemon, "senders") == 2


async def test_a_sender_that_leaves_within_a_message_is_counted(world: Spoken) -> None:
    async with listening(world) as (daemon, port):
        async with sender(port) as (_, writer):
            writer.write(b"<14>1 - - shop a - - whole\n1000 <14>1 - - shop a - - half")
            await world.has(["whole"])
        await eventually(lambda: counted(daemon, "unfinished") == 1)
        assert figure(daemon, "senders") == 0


async def test_apps_of_another_logger_are_left_to_it(world: Spoken) -> None:
    now = datetime.now(UTC)
    apps = Shelf(world.store, KEYS.apps)
    names = [f"app-{n}" for n in range(16)]  # enough that each logger has some
    for name in names:
        await apps.put(App(id=name, uuid=name, owner="eve", created=now, updated=now), name)
    async with world.logger("n2"), listening(world) as (daemon, port), sender(port) as (_, writer):

        def both() -> bool:
            for name in names:
                writer.write(b"<14>1 - - %b a - - x\n" % name.encode())
            return counted(daemon, "elsewhere") > 0 and counted(daemon, "stored") > 0

        await eventually(both)
        assert counted(daemon, "unknown") == counted(daemon, "malformed") == 0


def files(directory: Path, name: str) -> tuple[Path, Path]:
    made = make_certificate(name, [name])
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    cert.write_text(made.pem)
    key.write_text(made.key)
    return cert, key


async def is_cut_off(port: int, context: ssl.SSLContext) -> bool:
    """Whether the listener ends the connection of who comes with this."""
    try:
        async with sender(port, ssl=context, server_hostname="logger.test") as (reader, writer):
            writer.write(b"<14>1 - - shop a - - x\n")
            return await reader.read() == b""
    except OSError:
        return True


async def test_behind_tls_a_certificate_lets_in_and_none_does_not(world: Spoken, tmp_path: Path) -> None:
    cert, key = files(tmp_path, "logger.test")
    client, client_key = files(tmp_path, "router-1")
    terms = {"logger_syslog_cert_file": cert, "logger_syslog_key_file": key, "logger_syslog_ca_file": client}
    async with listening(world, logger_syslog_host="0.0.0.0", **terms) as (daemon, port):
        stranger = ssl.create_default_context(cafile=cert)
        assert await is_cut_off(port, stranger)
        known = ssl.create_default_context(cafile=cert)
        known.load_cert_chain(client, client_key)
        async with sender(port, ssl=known, server_hostname="logger.test") as (_, writer):
            writer.write(b"31 <14>1 - - shop router - - GET /")
            await world.has(["GET /"])
        assert counted(daemon, "stored") == 1, "of the stranger nothing was taken"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"logger_syslog_host": "0.0.0.0"}, "senders have to show a certificate"),
        ({"logger_syslog_cert_file": "c.pem"}, "only the certificate is given"),
        ({"logger_syslog_ca_file": "ca.pem"}, "client certificates are of TLS alone"),
        ({"logger_syslog_cert_file": "/none.pem", "logger_syslog_key_file": "/none.key"}, "certificate /none.pem with"),
    ],
)
async def test_it_does_not_start_where_anyone_could_write(world: Spoken, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ExceptionGroup) as failure:
        async with world.logger(logger_syslog_port=0, **changed) as daemon:
            await daemon.stopping.wait()
    assert failure.group_contains(BadListener, match=words)


def test_it_is_off_by_default() -> None:
    assert Terms.of(LoggerSettings()) is None


async def test_senders_that_come_slowly_are_ended_and_hold_up_nobody(
    world: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.logger.syslog_listener.PATIENCE", 0.2)
    monkeypatch.setattr("services.logger.syslog_listener.LOOK", 0.05)
    async with listening(world, logger_syslog_senders=20) as (daemon, port):
        slow = [socket.create_connection((LOCAL, port)) for _ in range(20)]
        await eventually(lambda: figure(daemon, "senders") == 20)
        late = socket.create_connection((LOCAL, port))
        await eventually(lambda: figure(daemon, "turned_away_total") == 1)
        for sock in slow[1:]:
            sock.sendall(b"9999 <14>1 -")
        slow[0].sendall(b"<14>1 - - shop a - - quick\n")
        await world.has(["quick"])
        await eventually(lambda: counted(daemon, "unfinished") == 19)
        assert figure(daemon, "senders") == 1
        for sock in [*slow, late]:
            sock.close()


async def test_a_real_haproxy_logs_each_apps_requests_through_rings(world: Spoken, tmp_path: Path) -> None:
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program is not None, "install the Debian package haproxy"
    front = free_port()
    async with listening(world) as (daemon, port):
        rings = "".join(
            f"ring {name}\n  format rfc5424\n  maxlen 8192\n  size 262144\n  timeout connect 5s\n  timeout server 10s\n"
            f"  server logger {LOCAL}:{port}{how}\n"
            for name, how in (("counted", " log-proto octet-count"), ("lines", ""))
        )
        (tmp_path / "haproxy.cfg").write_text(
            f"{rings}defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 5s\n"
            f"frontend f\n  bind {LOCAL}:{front}\n"
            "  log ring@counted len 8192 format rfc5424 local0\n  log ring@lines len 8192 format rfc5424 local0\n"
            "  http-request set-var(txn.app) hdr(x-app)\n  http-request capture path len 64\n"
            '  log-format-sd "[deis@32473 app=\\"%{+E}[var(txn.app)]\\" process=\\"router\\"]"\n'
            "  log-format '%HM %HP %ST'\n  http-request return status 200\n"
        )
        process = await asyncio.create_subprocess_exec(program, "-db", "-f", str(tmp_path / "haproxy.cfg"))
        try:
            async with aiohttp.ClientSession() as session:

                async def asked(app: str, path: str) -> bool:
                    try:
                        async with session.get(f"http://{LOCAL}:{front}{path}", headers={"x-app": app}) as answer:
                            return answer.status == 200
                    except aiohttp.ClientConnectionError:
                        return False

                await eventually(lambda: asked("shop", "/one"), what="HAProxy answers")
                assert await asked("blog", "/two")
                assert await asked('no"body]', "/three")
            await world.has(["GET /one 200"] * 2, process="router")
            await world.has(["GET /two 200"] * 2, app="blog", process="router")
            await eventually(lambda: counted(daemon, "unknown") == 2)
            assert counted(daemon, "stored") == 4
            assert counted(daemon, "malformed") == 0
        finally:
            process.kill()
            await process.wait()
