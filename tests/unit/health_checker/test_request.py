from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import HttpHeader
from services.health_checker.endpoint import Endpoint
from services.health_checker.request import LONGEST_HEAD, CannotBeSent, Exchange, NotHttp

HERE = Endpoint(ip_address("10.1.0.2"), 5000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def written(endpoint: Endpoint, path: str, headers: Sequence[HttpHeader]) -> bytes:
    return Exchange(endpoint, path, headers).request


def heard(answer: bytes) -> Exchange:
    exchange = Exchange(HERE, "/", ())
    exchange.hear(answer)
    return exchange


def status_in(answer: bytes) -> int | None:
    return heard(answer).status


def header(name: str, value: str) -> HttpHeader:
    return HttpHeader(name=name, value=value)


def test_a_request_asks_for_one_answer_on_one_connection() -> None:
    assert written(HERE, "/healthz", ()).split(b"\r\n") == [
        b"GET /healthz HTTP/1.1",
        b"Host: 10.1.0.2:5000",
        b"User-Agent: deis-health-check",
        b"Accept: */*",
        b"Connection: close",
        b"",
        b"",
    ]
    assert b"Host: [::1]:80\r\n" in written(Endpoint(ip_address("::1"), 80), "/", ())


def test_the_users_headers_take_the_place_of_ours() -> None:
    request = written(HERE, "/", (header("host", "shop.example"), header("X-Probe", "yes"), header("X-Probe", "ja")))
    assert request.lower().count(b"host:") == 1
    assert b"\r\nhost: shop.example\r\n" in request
    assert request.endswith(b"X-Probe: yes\r\nX-Probe: ja\r\n\r\n")


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=20))
def test_no_path_and_no_header_can_split_a_request(path: str, name: str, value: str) -> None:
    try:
        request = written(HERE, "/" + path.encode(errors="replace").decode(), (header(name, value),))
    except CannotBeSent:
        return
    lines = request.split(b"\r\n")
    assert len(lines) in {7, 8}
    assert lines[0].count(b" ") == 2
    assert request.count(b"\n") == len(lines) - 1


@pytest.mark.parametrize(
    "bad", [header("X", "a\r\nb"), header("X", "a\nb"), header("", "a"), header("X:", "a"), header("X Y", "a")]
)
def test_a_header_that_would_break_the_request_is_refused(bad: HttpHeader) -> None:
    with pytest.raises(CannotBeSent):
        written(HERE, "/", (bad,))


@given(st.integers(1, len(OK)))
def test_the_status_is_known_once_the_head_is_complete(length: int) -> None:
    assert status_in(OK[:length]) == (200 if length >= len(OK) - 2 else None)


@pytest.mark.parametrize(
    ("answer", "over"),
    [
        (OK, True),
        (OK[:-1], False),
        (OK.replace(b"Content-Length: ", b"A: b\r\ncontent-length:"), True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nX-Content-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, True),
    ],
)
def test_it_is_known_whether_an_answer_is_over(answer: bytes, over: bool) -> None:
    assert heard(answer).over is over
    exchange = heard(answer)
    exchange.hear(b"")
    assert exchange.over


def test_an_end_before_the_status_is_a_hang_up() -> None:
    with pytest.raises(EOFError):
        heard(b"")
    exchange = heard(OK[:10])
    with pytest.raises(EOFError):
        exchange.hear(b"")


def test_interim_responses_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    assert status_in(early) is None
    assert status_in(b"HTTP/1.1 100 Continue\r\n\r\n" + early + OK) == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 204\r\nA: b\r\n\r\n",
        b"HTTP/1.1 204 \r\n\r\n",
        b"HTTP/1.1 204 No Content\nA: b\n\n",
    ],
)
def test_what_servers_send_in_the_wild_is_read(answer: bytes) -> None:
    assert status_in(answer) == 204


@pytest.mark.parametrize(
    "answer",
    [
        b"S",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (LONGEST_HEAD // 6),
    ],
)
def test_what_is_not_http_is_told_apart(answer: bytes) -> None:
    with pytest.raises(NotHttp):
        status_in(answer)


@given(st.binary(max_size=60))
def test_nothing_that_a_server_sends_breaks_it(answer: bytes) -> None:
    try:
        status = status_in(b"HTTP/1.1 " + answer)
    except NotHttp:
        return
    assert status is None or 200 <= status <= 999
