"""HTTPS drains in Logplex's format, at a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from services.logger.drains.course import Bounds
from services.logger.drains.kind import Target
from services.logger.drains.way import Way
from tests.integration.logger.drained import INWARD, Said, a_drain, draining, numbers_of
from tests.integration.logger.endpoint import Endpoint, serving
from tests.support.certificates import make_certificate
from tests.support.waiting import eventually


async def test_lines_go_in_batches_as_logplex_sends_them() -> None:
    said, endpoint = Said(), Endpoint()
    drain = a_drain(f"http://localhost:{endpoint.port}/in?key=a%20b")
    shown = Target(drain.url, drain.token, user_info="ann:p%40ss")
    async with endpoint.listening(), draining(drain, said, target=shown) as course:
        said.say(3000, size=200)
        await eventually(lambda: course.state().sent == 3000)
        assert numbers_of(endpoint.messages()) == list(range(3000))
        assert 5 <= len(endpoint.taken) <= 12  # 650 KB by about 100 KB
        assert sum(int(headers["Logplex-Msg-Count"]) for headers, _ in endpoint.taken) == 3000
    headers, body = endpoint.taken[0]
    assert headers["Content-Type"] == "application/logplex-1"
    assert headers["Logplex-Drain-Token"] == "d.one"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"ann:p@ss").decode()
    head = body.partition(b" ")[2].split(b" ")
    assert head[0] == b"<134>1"
    assert head[2:6] == [b"d.one", b"shop", b"web.1", b"-"]
    assert head[6] == b"line"  # no structured data


async def test_what_is_to_be_sent_again_keeps_its_frame_id_and_what_is_refused_is_counted() -> None:
    said, endpoint = Said(), Endpoint()
    endpoint.answers = [web.Response(status=503), web.Response(status=429, headers={"Retry-After": "0"})]
    async with endpoint.listening(), draining(a_drain(f"http://localhost:{endpoint.port}"), said) as course:
        said.say(5)
        await eventually(lambda: course.state().sent == 5)
        first = endpoint.taken[0][0]["Logplex-Frame-Id"]
        assert endpoint.refused == [first, first]
        endpoint.answers = [web.Response(status=400)]
        said.say(7)
        await eventually(lambda: course.state().dropped == 7)
        said.say(2)
        await eventually(lambda: course.state().sent == 7)
        assert course.state().error == ""
    assert b"7 messages dropped since" in endpoint.messages()[5]


async def test_a_redirect_is_not_followed() -> None:
    said, endpoint, other = Said(), Endpoint(), Endpoint()
    endpoint.answers = [web.Response(status=307, headers={"Location": f"http://localhost:{other.port}/"})]
    async with (
        endpoint.listening(),
        other.listening(),
        draining(a_drain(f"http://localhost:{endpoint.port}"), said) as course,
    ):
        said.say(5)
        await eventually(lambda: course.state().dropped == 5)
    assert other.taken == []


async def test_a_server_that_hangs_dies_and_comes_back_gets_every_line_that_was_not_counted() -> None:
    said, endpoint = Said(), Endpoint()
    bounds, terms = Bounds(size=1024 * 1024), replace(INWARD, stall_seconds=0.5)
    drain = a_drain(f"http://localhost:{endpoint.port}")
    async with draining(drain, said, bounds=bounds, terms=terms) as course:
        async with endpoint.listening():
            said.say(100)
            await eventually(lambda: course.state().sent == 100)
            endpoint.answering.clear()
            said.say(100)
            await eventually(lambda: "did not answer in time" in course.state().error)
        for _ in range(30):
            said.say(1000, size=100)
            await asyncio.sleep(0)
        await eventually(lambda: "cannot be reached" in course.state().error)
        endpoint.answering.set()
        async with endpoint.listening():
            await eventually(lambda: course.state().waiting == 0)
            state = course.state()
    assert state.sent + state.dropped == said.next
    received = set(numbers_of(endpoint.messages()))
    assert state.dropped > 0
    assert len(set(range(said.next)) - received) == state.dropped


async def test_tls_is_verified(tmp_path: Path) -> None:
    said, endpoint, made = Said(), Endpoint(), make_certificate("localhost", ["localhost"])
    async with endpoint.listening(serving(made, tmp_path)):
        url = f"https://localhost:{endpoint.port}/"
        async with draining(a_drain(url), said) as course:
            said.say(1)
            await eventually(lambda: "is not trusted" in course.state().error)
        async with draining(a_drain(url, ca=made.pem), said) as course:
            said.say(10)
            await eventually(lambda: course.state().sent == 10)
    assert numbers_of(endpoint.messages()) == list(range(1, 11))


async def test_an_address_by_itself_is_refused_as_its_name_is() -> None:
    said, endpoint = Said(), Endpoint()
    terms = replace(INWARD, way=Way())
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        async with (
            endpoint.listening(),
            draining(a_drain(f"http://{host}:{endpoint.port}"), said, terms=terms) as course,
        ):
            said.say(1)
            await eventually(lambda: "where no drain may go" in course.state().error)
    assert endpoint.taken == []
