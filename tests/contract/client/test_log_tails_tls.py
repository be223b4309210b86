"""`deis logs` over a log tail: what TLS asks of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from libs.client import tailing
from libs.sockets.connecting import Unreachable, connected
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import StandIn, serving
from tests.contract.client.stand_in_tails import PATH, PROTOCOL
from tests.contract.client.tail_scripts import GONE, destroyed
from tests.support.certificates import make_certificate


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(tailing, "FIRST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")
    return deis


async def test_a_tail_over_tls_is_held_to_the_rules_of_every_call(
    paper: Deis, stand_in: StandIn, tmp_path: Path
) -> None:
    made = make_certificate("deis.localhost", ["deis.localhost"])
    for name, text in (("deis.crt", made.pem), ("deis.key", made.key)):
        (tmp_path / name).write_text(text)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "deis.crt", tmp_path / "deis.key")
    stand_in.tails.scripts = [destroyed]
    async with serving(stand_in.application(), "127.0.0.1", ssl_context=context) as port:
        url = f"https://deis.localhost:{port}"
        paper.log_in(controller=url, ssl_verify=False)
        assert (await paper("logs", "-f", status=1)).err == GONE
        paper.log_in(controller=url)
        assert "its certificate cannot be trusted" in (await paper("logs", "-f", status=1)).err
        paper.environment["SSL_CERT_FILE"] = str(tmp_path / "deis.crt")
        assert (await paper.process("logs", "-f", status=1)).err == GONE
    assert len(stand_in.tails.begun) == 2


async def test_a_certificate_that_nobody_signed_is_not_trusted_by_the_socket_either(
    stand_in: StandIn, tmp_path: Path
) -> None:
    made = make_certificate("deis.localhost", ["deis.localhost"])
    (tmp_path / "deis.pem").write_text(made.pem + made.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "deis.pem")
    async with serving(stand_in.application(), "127.0.0.1", ssl_context=context) as port:
        url = f"wss://deis.localhost:{port}{PATH}"
        with pytest.raises(Unreachable, match="self-signed certificate"):
            async with connected(url, [PROTOCOL], host="localhost"):
                pass
    assert stand_in.tails.begun == []
