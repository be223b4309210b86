"""Certificates of the syslog listener that are renewed while it listens."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.daemon import Daemon
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.records import App
from libs.store.shelf import Shelf
from tests.integration.logger.world import KEYS, World
from tests.integration.syslog.test_syslog_listener import files, is_cut_off, listening, sender
from tests.support.certificates import Made, make_certificate
from tests.support.waiting import eventually

NAME = "logger.test"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.logger.syslog_listener.LOOK", 0.02)


@pytest.fixture
async def world(tmp_path: Path) -> World[MemoryEngine]:
    made, now = World(tmp_path, MemoryEngine()), datetime.now(UTC)
    app = App(id="shop", uuid="uuid-shop", owner="eve", created=now, updated=now)
    await Shelf(made.store, KEYS.apps).put(app, "shop")
    return made


def put(path: Path, text: str) -> None:
    """Replace a file, as who renews certificates does."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def trusting(made: Made) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=made.pem)


def trouble(daemon: Daemon) -> str:
    return str(daemon.facts["syslog certificates"]())


async def says(port: int, context: ssl.SSLContext, text: bytes) -> None:
    async with sender(port, ssl=context, server_hostname=NAME) as (_, writer):
        writer.write(b"<14>1 - - shop web - - %b\n" % text)
        writer.close()
        await writer.wait_closed()


async def is_not_trusted(port: int, context: ssl.SSLContext) -> bool:
    """Whether who trusts this alone gets no connection."""
    try:
        async with sender(port, ssl=context, server_hostname=NAME):
            return False
    except ssl.SSLCertVerificationError:
        return True


async def test_a_renewed_certificate_is_shown_to_who_comes_and_who_is_there_stays(
    world: World[MemoryEngine], tmp_path: Path
) -> None:
    cert, key = files(tmp_path, NAME)
    former = ssl.create_default_context(cafile=cert)
    async with (
        listening(world, logger_syslog_cert_file=cert, logger_syslog_key_file=key) as (daemon, port),
        sender(port, ssl=former, server_hostname=NAME) as (_, early),
    ):
        renewed = make_certificate(NAME, [NAME])
        put(cert, renewed.pem)
        await eventually(
            lambda: "cannot be used" in trouble(daemon), what="a key that is not the certificate's is told"
        )
        assert not await is_not_trusted(port, former), "the one before is still shown"
        put(key, renewed.key)
        await eventually(lambda: trouble(daemon) == "as in their files", what="the renewed files are taken")

        async def is_shown() -> bool:
            return await is_not_trusted(port, former) and not await is_not_trusted(port, trusting(renewed))

        await eventually(is_shown, what="the renewed certificate is shown")
        early.write(b"<14>1 - - shop web - - still here\n")
        await says(port, trusting(renewed), b"new here")

        async def both() -> bool:
            return sorted(await world.lines()) == ["new here", "still here"]

        await eventually(both, what="lines of both")


@pytest.mark.parametrize("text", [None, "", "no certificate"], ids=["gone", "empty", "garbage"])
async def test_a_file_that_cannot_be_read_leaves_what_there_was_and_says_so(
    world: World[MemoryEngine], tmp_path: Path, text: str | None
) -> None:
    cert, key = files(tmp_path, NAME)
    former = ssl.create_default_context(cafile=cert)
    async with listening(world, logger_syslog_cert_file=cert, logger_syslog_key_file=key) as (daemon, port):
        assert trouble(daemon) == "as in their files"
        if text is None:
            cert.unlink()
        else:
            put(cert, text)
        await eventually(lambda: f"{cert} with the key {key} cannot be used" in trouble(daemon), what="it is told")
        await says(port, former, b"as before")
        await world.has(["as before"])


async def test_other_authorities_count_for_who_comes_from_now_on(world: World[MemoryEngine], tmp_path: Path) -> None:
    cert, key = files(tmp_path, NAME)
    client, client_key = files(tmp_path, "router-1")
    authorities = tmp_path / "authorities.pem"
    authorities.write_text(make_certificate("nobody").pem)
    terms = {"logger_syslog_cert_file": cert, "logger_syslog_key_file": key, "logger_syslog_ca_file": authorities}
    known = ssl.create_default_context(cafile=cert)
    known.load_cert_chain(client, client_key)
    async with listening(world, **terms) as (_, port):
        assert await is_cut_off(port, known)
        put(authorities, client.read_text())

        async def comes_in() -> bool:
            async with sender(port, ssl=known, server_hostname=NAME) as (_, writer):
                writer.write(b"<14>1 - - shop web - - let in\n")
                return "let in" in await world.lines()

        await eventually(comes_in, what="the sender is let in")
