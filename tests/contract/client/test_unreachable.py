"""Whatever is wrong on the way to the controller, the user is told the thing, the value and the remedy."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.client.api import connection
from libs.client.api.client import open_client
from libs.client.api.errors import (
    AnswerOverdue,
    ConnectionBroken,
    ControllerUnreachable,
    NotAController,
    NotAuthenticated,
    Refused,
    Unavailable,
)
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import TOKEN, VERSIONS, StandIn, says, serving
from tests.support.ports import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve) -> AsyncIterator[str]:
    """The URL of a server that does what it likes with each connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_names_under_localhost_are_found_on_either_loopback(stand_in: StandIn, host: str) -> None:
    stand_in.app("paper")
    async with serving(stand_in.application(), host) as port:
        for name in ("localhost", "deis.localhost", "a.b.Localhost"):
            async with open_client(f"http://{name}:{port}", token=TOKEN) as client:
                assert (await client.apps.get("paper")).id == "paper"


async def test_a_refused_connection_names_the_url(deis: Deis) -> None:
    url = f"http://deis.localhost:{free_port()}"
    deis.log_in(controller=url)
    told = await deis("apps", status=1)
    assert told.err.startswith(f"Error: cannot reach the controller at {url}: ")
    assert "refused" in told.err
    assert "Is the controller running" in told.err
    assert "`make up`" in told.err


async def test_a_controller_elsewhere_is_not_started_here(deis: Deis) -> None:
    deis.log_in(controller=f"http://127.0.0.1:{free_port()}")
    assert "make up" not in (await deis("apps", status=1)).err


async def test_a_name_that_does_not_resolve_is_named(deis: Deis) -> None:
    deis.log_in(controller="http://deis.example.invalid")
    told = await deis("apps", status=1)
    assert 'the name "deis.example.invalid" does not resolve' in told.err


async def test_another_web_server_is_no_controller(anonymous: Deis, stand_in: StandIn) -> None:
    stand_in.answers["GET /v1/"] = says(200, "<h1>It works!</h1>")
    told = await anonymous("login", anonymous.controller, status=1)
    assert "does not appear to be a valid Deis controller" in told.err
    stand_in.answers["GET /v1/"] = says(404, "<h1>Not Found</h1>")
    assert "404 Not Found" in (await anonymous("login", anonymous.controller, status=1)).err
    assert all(method == "GET" for method, _, _ in stand_in.asked)


async def test_a_router_without_a_controller_behind_it_is_told_apart(deis: Deis, stand_in: StandIn) -> None:
    stand_in.answers["GET /v1/apps"] = says(503, "<h1>No server is available</h1>", reason="Service Unavailable")
    told = await deis("apps", status=1)
    assert "503 Service Unavailable" in told.err
    assert "Is the controller running" in told.err


async def test_a_change_whose_answer_the_router_lost_may_have_been_made(deis: Deis, stand_in: StandIn) -> None:
    stand_in.answers["POST /v1/apps/paper/builds"] = says(502, "<h1>Bad Gateway</h1>", reason="Bad Gateway")
    told = await deis("pull", "example:v1", "-a", "paper", status=1)
    assert "502 Bad Gateway" in told.err
    assert "may have been made" in told.err
    assert "deis releases" in told.err


async def test_a_redirect_is_told_and_not_followed_with_the_token(deis: Deis, stand_in: StandIn) -> None:
    headers = {"Location": "https://deis.example.com/v1/apps"}
    stand_in.answers["GET /v1/apps"] = says(301, "", headers=headers)
    told = await deis("apps", status=1)
    assert "redirects to https://deis.example.com/v1/apps" in told.err
    assert len(stand_in.asked) == 1


async def test_answers_that_are_not_as_expected_are_told(deis: Deis, stand_in: StandIn) -> None:
    stand_in.answers["GET /v1/apps"] = says(200, "<html>")
    assert "in place of JSON" in (await deis("apps", status=1)).err
    stand_in.answers["GET /v1/apps"] = says(200, {"count": "many", "results": []})
    assert "not as expected (count:" in (await deis("apps", status=1)).err


async def test_what_does_not_speak_http_is_no_controller() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()

    async with raw_server(serve) as url, open_client(url) as client:
        with pytest.raises(NotAController, match="does not speak HTTP"):
            await client.connection.greet()


async def test_a_connection_that_breaks_in_a_write_leaves_it_open_whether_it_was_done() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with raw_server(serve) as url, open_client(url, token=TOKEN) as client:
        with pytest.raises(ConnectionBroken, match="may have been made") as caught:
            await client.apps.create("paper")
        assert caught.value.changed
        with pytest.raises(ConnectionBroken, match="changed nothing"):
            await client.apps.list()


async def test_an_answer_that_ends_early_is_a_broken_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with raw_server(serve) as url, open_client(url, token=TOKEN) as client:
        with pytest.raises(ConnectionBroken):
            await client.apps.list()


async def test_a_read_that_is_not_answered_ends(deis: Deis) -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with raw_server(serve) as url:
        async with open_client(url, token=TOKEN, seconds=0.05) as client:
            with pytest.raises(AnswerOverdue, match="no answer within"):
                await client.apps.list()
        deis.log_in(controller=url)
        deis.environment["DEIS_TIMEOUT"] = "0.05"
        told = await deis("apps", status=1)
        over.set()
    assert told.err.startswith(
        f"Error: the controller at {url} hangs: no answer within 0.05 seconds to GET /v1/apps.\n"
    )
    assert "DEIS_TIMEOUT=120" in told.err


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
async def test_a_timeout_that_is_no_time_is_refused_before_anything_is_asked(
    deis: Deis, stand_in: StandIn, text: str
) -> None:
    deis.environment["DEIS_TIMEOUT"] = text
    told = await deis("apps", status=1)
    assert told.err.startswith(f'Error: DEIS_TIMEOUT="{text}" is no time to wait')
    assert stand_in.asked == []


async def test_a_deploy_is_waited_for_longer_than_any_read(stand_in: StandIn, controller: str) -> None:
    stand_in.app("paper")
    overdue = asyncio.Event()
    built = says(201, {"uuid": "b", "image": "x"})

    async def slow(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        await overdue.wait()
        return await built(request)

    stand_in.answers["POST /v1/apps/paper/builds"] = slow
    stand_in.answers["GET /v1/apps/paper"] = slow
    async with open_client(controller, token=TOKEN, seconds=0.05) as client, asyncio.TaskGroup() as group:
        deploy = group.create_task(client.builds.create("paper", "x"))
        with pytest.raises(AnswerOverdue):
            await client.apps.get("paper")
        assert not deploy.done()
        overdue.set()
    assert deploy.result().uuid == "b"


async def test_a_read_bears_with_a_restarting_controller(stand_in: StandIn, controller: str) -> None:
    stand_in.app("paper")
    tries = 0

    async def restarting(request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        nonlocal tries
        tries += 1
        if tries == 3:
            del stand_in.answers["GET /v1/apps/paper"]
        headers = {"Retry-After": "0", **VERSIONS}
        return await says(503, {"detail": "The controller restarts."}, headers=headers)(request)

    stand_in.answers["GET /v1/apps/paper"] = restarting
    async with open_client(controller, token=TOKEN) as client:
        assert (await client.apps.get("paper")).id == "paper"
    assert tries == 3


async def test_a_read_does_not_bear_with_it_for_ever(
    stand_in: StandIn, controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RESTART_SECONDS", 0.0)
    headers = {"Retry-After": "1", **VERSIONS}
    stand_in.answers["GET /v1/apps"] = says(503, {"detail": "The controller restarts."}, headers=headers)
    async with open_client(controller, token=TOKEN) as client:
        with pytest.raises(Unavailable, match="restarts"):
            await client.apps.list()


async def test_a_write_is_sent_once_whatever_the_answer(stand_in: StandIn, controller: str) -> None:
    headers = {"Retry-After": "0", **VERSIONS}
    stand_in.answers["POST /v1/apps"] = says(503, {"detail": "The controller restarts."}, headers=headers)
    async with open_client(controller, token=TOKEN) as client:
        with pytest.raises(Unavailable):
            await client.apps.create("paper")
    assert len(stand_in.asked) == 1


async def test_a_conflict_is_told_with_its_remedy(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    body = {"error": "Changes of paper are already in progress."}
    stand_in.answers["POST /v1/apps/paper/config"] = says(409, body, reason="CONFLICT", headers=VERSIONS)
    told = await deis("config:set", "A=1", status=1)
    assert told.out == "Creating config... failed\n"
    assert told.err.startswith("Error: Changes of paper are already in progress. (409 CONFLICT)\n")
    assert "run the command again" in told.err


async def test_a_change_that_was_made_is_told_even_if_what_is_then_cannot_be_asked(
    deis: Deis, stand_in: StandIn
) -> None:
    stand_in.app("paper")
    stand_in.answers["GET /v1/apps/paper/config"] = says(500, {"detail": "Oh."}, headers=VERSIONS)
    told = await deis("config:set", "A=1", status=1)
    assert told.out == "Creating config... done, v2\n\n"
    assert "Oh. (500" in told.err


async def test_a_failed_deploy_shows_the_reason_and_the_last_lines(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    body = {"detail": "cmd.1 exited with status 1\nTraceback\nKeyError: 'PORT'"}
    answer = says(503, body, reason="SERVICE UNAVAILABLE", headers=VERSIONS)
    stand_in.answers["POST /v1/apps/paper/builds"] = answer
    told = await deis("pull", "example/web:v1", status=1)
    assert told.err == (
        "Error: cmd.1 exited with status 1 (503 SERVICE UNAVAILABLE)\nits last lines:\nTraceback\nKeyError: 'PORT'\n"
    )


async def test_a_login_that_is_no_longer_valid_says_whose_and_how_to_renew_it(deis: Deis) -> None:
    deis.log_in(token="0" * 40)
    told = await deis("apps", status=1)
    assert "(401 UNAUTHORIZED)" in told.err
    assert "deis login" in told.err
    assert f"ada's at {deis.controller}" in told.err


async def test_an_app_taken_from_the_directorys_name_is_told_so(deis: Deis) -> None:
    told = await deis("ps", status=1)
    assert told.err == (
        "Error: app paper was not found (404 NOT FOUND)\nSee `deis apps` for what there is.\n"
        "Name the app with -a, if you did not mean this directory's.\n"
    )


async def test_an_odd_app_name_reaches_the_controller_as_it_is(deis: Deis, stand_in: StandIn) -> None:
    await deis("ps", "-a", "../auth/login?x=1#y", status=1)
    assert stand_in.asked[0][1].startswith("/v1/apps/..%2Fauth%2Flogin%3Fx%3D1%23y/containers")


async def test_library_errors_carry_fields(stand_in: StandIn, controller: str) -> None:
    stand_in.app("paper")
    async with open_client(controller, token=TOKEN) as client:
        with pytest.raises(Refused) as caught:
            await client.apps.create("paper")
    assert caught.value.status == 400
    assert caught.value.fields == {"id": ("This field must be unique.",)}
    async with open_client(controller) as client:
        with pytest.raises(NotAuthenticated):
            await client.apps.list()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of deis.localhost, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deis.localhost")])
    names = x509.SubjectAlternativeName(
        [x509.DNSName("deis.localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "deis.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


async def test_a_certificate_is_verified_unless_the_login_says_otherwise(
    anonymous: Deis, stand_in: StandIn, certificate: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    login = ("--username", "ada", "--password", "secret")
    async with serving(stand_in.application(), "127.0.0.1", ssl_context=context) as port:
        url = f"https://deis.localhost:{port}"
        told = await anonymous("login", url, *login, status=1)
        assert "certificate cannot be trusted (self-signed certificate)" in told.err
        assert "--ssl-verify=false" in told.err
        assert stand_in.asked == []
        await anonymous("login", url, *login, "--ssl-verify=false")
        assert (await anonymous("apps")).out == "=== Apps\n"
        async with open_client(url) as client:
            with pytest.raises(ControllerUnreachable):
                await client.connection.greet()


async def test_tls_towards_a_plain_port_says_to_use_http(stand_in: StandIn) -> None:
    async with serving(stand_in.application(), "127.0.0.1") as port, open_client(f"https://127.0.0.1:{port}") as client:
        with pytest.raises(ControllerUnreachable, match="http://"):
            await client.connection.greet()


async def test_ssl_verify_is_true_or_false(anonymous: Deis) -> None:
    told = await anonymous("login", anonymous.controller, "--ssl-verify=perhaps", status=1)
    assert '"--ssl-verify=perhaps" is neither true nor false' in told.err
