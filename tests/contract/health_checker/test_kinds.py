from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.keyspace.document import now
from libs.keyspace.records import Check, ExecAction, HttpAction, HttpHeader, StaysUp, TcpAction
from services.health_checker.probe import PASSED, Outcome, open_probes
from services.health_checker.prober import Prober
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target
from tests.support.ports import free_port
from tests.support.waiting import eventually

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def probe(
    check: Check, *, port: int | None = None, address: str | None = "127.0.0.1", age: float = 0.0
) -> Outcome:
    target = Target("shop_v2.web.1-a1", address, port, now() - timedelta(seconds=age), check)
    async with a_prober() as ask:
        return await ask(target)


@asynccontextmanager
async def a_prober() -> AsyncIterator[Callable[[Target], Awaitable[Outcome]]]:
    """Probes the readiness of targets."""
    async with open_probes(HealthCheckerSettings()) as kinds:
        prober = Prober(kinds, asyncio.get_running_loop().time, CollectorRegistry())

        async def ask(target: Target) -> Outcome:
            return (await prober.probe(target, target.readiness)).outcome

        yield ask


@asynccontextmanager
async def answering(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking(connected: Connected) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await connected(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def status(code: int) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=code, headers={"Location": "/elsewhere"} if code // 100 == 3 else {})

    return answer


TCP, HTTP = Check(tcp=TcpAction()), Check(http=HttpAction(path="/healthz"))
ON_A_PORT = pytest.mark.parametrize("check", [TCP, HTTP], ids=["tcp", "http"])


@ON_A_PORT
async def test_a_listening_port_passes(check: Check) -> None:
    async with answering(status(200)) as port:
        assert await probe(check, port=port) == PASSED


@ON_A_PORT
async def test_a_closed_port_is_refused_in_plain_words(check: Check) -> None:
    port = free_port()
    assert await probe(check, port=port) == Outcome(passed=False, reason=f"connection refused at 127.0.0.1:{port}")


@ON_A_PORT
async def test_an_instance_without_port_or_address_does_not_pass_and_says_so(check: Check) -> None:
    assert (await probe(check)).reason == "the instance has no port"
    assert (await probe(check, port=1, address=None)).reason == "the instance has no address"
    assert (await probe(check, port=1, address="web.example")).reason == "'web.example' is not an IP address"


@ON_A_PORT
async def test_an_address_of_the_sixth_version_is_probed_and_named(check: Check) -> None:
    port = free_port()
    outcome = await probe(check, port=port, address="::1")
    assert not outcome.passed
    assert outcome.reason.endswith(f"at [::1]:{port}")


@ON_A_PORT
async def test_a_want_of_files_is_a_fault_of_ours_and_not_of_the_instance(check: Check) -> None:
    async with answering(status(200)) as port, a_prober() as ask:
        target = Target("a", "127.0.0.1", port, now(), check)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            outcome = await ask(target)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert outcome.fault
    assert outcome.reason == "the checker cannot connect: too many open files"


async def test_the_actions_own_port_is_taken_before_the_instances() -> None:
    async with answering(status(200)) as port:
        assert await probe(Check(tcp=TcpAction(port=port)), port=free_port()) == PASSED
        assert await probe(Check(http=HttpAction(port=port))) == PASSED


@ON_A_PORT
async def test_one_that_accepts_no_connection_in_time_does_not_pass(check: Check) -> None:
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        first.setblocking(False)
        first.connect_ex(("127.0.0.1", port))  # the only place in its backlog
        outcome = await probe(check.changed(timeout_seconds=0.05), port=port)
        while outcome.passed:  # the kernel may keep a place more than was asked for
            outcome = await probe(check.changed(timeout_seconds=0.05), port=port)
    assert outcome.reason.endswith("within 0.05 s")
    assert f"127.0.0.1:{port}" in outcome.reason


@pytest.mark.parametrize(
    ("code", "passes"), [(200, True), (204, True), (302, True), (399, True), (404, False), (503, False)]
)
async def test_a_status_passes_if_it_is_expected_and_redirects_are_not_followed(code: int, passes: bool) -> None:
    async with answering(status(code)) as port:
        outcome = await probe(HTTP, port=port)
    assert outcome.passed is passes
    assert outcome.reason == ("" if passes else f"GET /healthz answered {code}, wants 200–399")  # noqa: RUF001


async def test_the_expected_range_is_the_users() -> None:
    async with answering(status(404)) as port:
        assert await probe(Check(http=HttpAction(expected=(404, 404))), port=port) == PASSED


async def test_the_path_and_the_headers_are_the_users() -> None:
    seen: list[web.BaseRequest] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request)
        return web.Response()

    headers = (HttpHeader(name="Host", value="shop.example"), HttpHeader(name="X-Probe", value="yes"))
    async with answering(answer) as port:
        for path in ("/ready?deep=1&x=a%2Fb", "ready?deep=1&x=a%2Fb"):
            assert await probe(Check(http=HttpAction(path=path, headers=headers)), port=port) == PASSED
        assert await probe(Check(http=HttpAction(path="//evil.example/@x")), port=port) == PASSED
    assert [request.raw_path for request in seen] == ["/ready?deep=1&x=a%2Fb"] * 2 + ["//evil.example/@x"]
    assert (seen[0].headers["Host"], seen[0].headers["X-Probe"]) == ("shop.example", "yes")
    assert seen[0].headers["User-Agent"] == "deis-health-check"


async def test_a_header_that_cannot_be_sent_is_a_reason() -> None:
    async with answering(status(200)) as port:
        bad = (HttpHeader(name="X", value="a\r\nb"),)
        outcome = await probe(Check(http=HttpAction(headers=bad)), port=port)
    assert outcome.reason.startswith("GET / cannot be asked")


async def test_each_probe_has_a_connection_of_its_own() -> None:
    peers = set()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    async with answering(answer) as port, a_prober() as ask:
        target = Target("a", "127.0.0.1", port, now(), HTTP)
        for _ in range(3):
            assert await ask(target) == PASSED
    assert len(peers) == 3


async def test_a_body_without_end_is_not_waited_for() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            return

    async with talking(pour) as port:
        assert await probe(HTTP.changed(timeout_seconds=20), port=port) == PASSED


async def test_a_server_that_sends_its_head_first_can_send_its_short_body_too() -> None:
    sent: list[bool] = []

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        for _ in range(3):
            await asyncio.sleep(0)
            writer.write(b"still here\n")
            await writer.drain()
        writer.write_eof()
        sent.append(await reader.read() == b"")  # not a reset

    async with talking(slowly) as port:
        assert await probe(HTTP.changed(timeout_seconds=20), port=port) == PASSED
        await eventually(lambda: sent == [True])


async def test_a_silent_server_does_not_pass() -> None:
    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(listen) as port:
        outcome = await probe(HTTP.changed(timeout_seconds=0.05), port=port)
    assert outcome.reason == f"GET /healthz got no answer from 127.0.0.1:{port} within 0.05 s"


async def test_one_that_hangs_up_or_does_not_speak_http_does_not_pass() -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def stammer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with talking(hang_up) as port:
        assert (await probe(HTTP, port=port)).reason == f"GET /healthz got no answer: 127.0.0.1:{port} hung up"
    async with talking(stammer) as port:
        assert (
            await probe(HTTP, port=port)
        ).reason == f"GET /healthz got something that is not HTTP from 127.0.0.1:{port}"


async def test_staying_up_passes_by_the_age_of_the_run() -> None:
    check = Check(stays_up=StaysUp(seconds=5))
    assert await probe(check, age=5.1) == PASSED
    young = await probe(check, age=1)
    assert not young.passed
    assert young.again is not None
    assert 3.5 < young.again <= 4
    future = await probe(check, age=-100)
    assert future.again == 5
    unknown = Target("a", None, None, None, check)
    async with a_prober() as ask:
        assert not (await ask(unknown)).passed


async def test_a_check_that_is_not_known_here_does_not_pass_and_says_so() -> None:
    for check in (Check(), Check.model_validate({"divination": {}})):
        outcome = await probe(check, port=1)
        assert outcome.reason.startswith("its check names no action that is known here (")


async def test_a_target_is_one_run() -> None:
    target = Target("a", "127.0.0.1", 1, now(), Check(exec=ExecAction(command=("true",))))
    assert target != replace(target, run=now() + timedelta(seconds=1))
