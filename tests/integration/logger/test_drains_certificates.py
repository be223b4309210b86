"""Whole loggers that show rsyslog a client certificate, whose key is sealed in the drain's record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from libs.vault import Vault
from libs.vault.keyfile import new_key, write_keys
from tests.integration.logger.drained import Logger, a_drain, numbers_of, say
from tests.support.certificates import Made, make_certificate
from tests.support.ports import free_port
from tests.support.rsyslog import Rsyslog, running_rsyslog
from tests.support.waiting import eventually


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """The platform's, whose key the logger's host has."""
    keys, path = new_key(), tmp_path / "secrets" / "config.key"
    path.parent.mkdir()
    path.write_text(write_keys(keys))
    path.chmod(0o600)
    return Vault(keys)


def received(rsyslog: Rsyslog) -> list[int]:
    return numbers_of([line["text"].encode() for line in rsyslog.lines()])


async def test_a_drain_with_a_sealed_client_key_is_let_in_and_others_are_told_that_they_are_not(
    tmp_path: Path, vault: Vault
) -> None:
    logger, port = Logger(tmp_path), free_port()
    own, client, stranger = make_certificate("localhost", ["localhost"]), *map(make_certificate, ("logger", "other"))

    async def add(id_: str, shown: Made | None) -> None:
        drain = a_drain(f"syslog+tls://localhost:{port}", id_=id_, ca=own.pem)
        if shown:
            secret = vault.seal_text(f"drain:{id_}", json.dumps({"client_key": shown.key}))
            drain = drain.changed(secret=secret, client_certificate=shown.pem)
        await logger.drains.put(drain, "uuid-shop", id_)

    await add("known", client)
    await add("bare", None)
    await add("strange", stranger)
    async with (
        running_rsyslog(tmp_path / "r", port, own=own, clients=client.pem, mode="x509/certvalid") as rsyslog,
        logger.running(),
    ):
        for id_ in ("known", "bare", "strange"):
            await logger.state(id_, lambda _: True)
        await say(logger, 0, 1000)
        await logger.state("known", lambda state: state.sent == 1000 and not state.error)
        await eventually(lambda: len(received(rsyslog)) == 1000)
        for id_ in ("bare", "strange"):
            state = await logger.state(id_, lambda state: bool(state.error))
            assert (state.sent, state.dropped, state.waiting) == (0, 0, 1000)
            assert state.failing is not None
        assert received(rsyslog) == list(range(1000))


@pytest.mark.parametrize("scheme", ["syslog+tls", "https"])
async def test_a_client_certificate_whose_key_is_anothers_is_told(scheme: str, tmp_path: Path, vault: Vault) -> None:
    logger = Logger(tmp_path)
    one, other = make_certificate("logger"), make_certificate("logger")
    secret = vault.seal_text("drain:one", json.dumps({"client_key": other.key}))
    drain = a_drain(f"{scheme}://localhost:9", secret=secret, client_certificate=one.pem)
    await logger.drains.put(drain, "uuid-shop", "one")
    async with logger.running():
        await logger.state("one", lambda _: True)
        await say(logger, 0, 1)
        state = await logger.state("one", lambda state: bool(state.error))
    assert state.error == "the drain's certificates cannot be used: TLS: key values mismatch"
