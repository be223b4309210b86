from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.hearing import Failure, read

DOWN = (
    'Server app1/web-1a2b is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms.'
    " 2 active and 0 backup servers left. 2 sessions active, 0 requeued, 0 remaining in queue.\n"
)
SILENT = (
    "Server app1/web-1a2b is DOWN, reason: Layer4 timeout, check duration: 2000ms. 2 active and 0 backup servers left."
)


def test_a_server_that_haproxy_found_down_failed() -> None:
    assert read(DOWN) == Failure("app1", "web-1a2b", "no connection: connection refused")
    assert read(SILENT) == Failure("app1", "web-1a2b", "no connection: layer4 timeout")
    found = read(DOWN)
    assert found is not None
    assert found.down


def test_a_request_that_was_not_answered_in_time_failed_its_server() -> None:
    found = read("app0 web-1a2b sH 1001\n")
    assert found == Failure("app0", "web-1a2b", "no answer within 1 s", ago=1.001)
    assert not found.down


@pytest.mark.parametrize(
    "line",
    [
        "",
        "app0 web-1a2b SH 12",  # the server closed before it answered
        "app0 web-1a2b SC 12",
        "app0 web-1a2b CH 12",  # the client left
        "app0 web-1a2b sD 12",  # it answered, and was slow to end
        "app0 <NOSRV> sH 12",
        "app0 web-1a2b sH",
        "Server app1/d0 is going DOWN for maintenance. 2 active and 0 backup servers left.",
        "Server app1/d0 is UP, reason: Layer4 check passed, check duration: 0ms.",
        "backend app0 has no server available!",
    ],
)
def test_other_words_accuse_nobody(line: str) -> None:
    assert read(line) is None


@given(st.text())
def test_any_word_can_be_read(line: str) -> None:
    found = read(line)
    assert found is None or found.name
