"""Logs of apps, from whichever logger is there."""

from __future__ import annotations

import pytest

from libs.loglines.token import header
from tests.support.api import Api, Client
from tests.support.loggers import announce, logger
from tests.support.ports import free_port


async def test_lines_come_as_they_are(api: Api, admin: Client, app: str) -> None:
    async with logger(api, 200, b"2026 hello[web.1]: \xc3\xa4 \xff\n") as asked:
        answer = await admin("GET", f"{app}/logs")
    assert answer.line == "200 OK"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith("2026 hello[web.1]: ä ")
    assert (asked[0].path, dict(asked[0].query)) == ("/hello", {"log_lines": "1000"})
    assert asked[0].headers["Authorization"] == header(api.controller.internal_token)["Authorization"]


@pytest.mark.parametrize(("given", "asks"), [("5", "5"), ("0", "0"), ("x", "100"), ("-1", "100"), ("", "100")])
async def test_the_number_of_lines_is_passed_on(api: Api, admin: Client, app: str, given: str, asks: str) -> None:
    async with logger(api, 200) as asked:
        await admin("GET", f"{app}/logs?log_lines={given}")
    assert asked[0].query["log_lines"] == asks


async def test_no_lines_are_no_content(api: Api, admin: Client, app: str) -> None:
    async with logger(api, 204):
        answer = await admin("GET", f"{app}/logs")
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")


async def test_a_logger_that_fails_is_v1s_500(api: Api, admin: Client, app: str) -> None:
    async with logger(api, 500):
        answer = await admin("GET", f"{app}/logs")
    assert (answer.line, answer.text) == ("500 INTERNAL SERVER ERROR", "Error accessing logs for hello")


async def test_no_logger_at_all_is_v1s_500(admin: Client, app: str) -> None:
    answer = await admin("GET", f"{app}/logs")
    assert (answer.line, answer.text) == ("500 INTERNAL SERVER ERROR", "Error accessing logs for hello")


async def test_another_logger_is_asked_when_one_is_dead(api: Api, admin: Client, app: str) -> None:
    await announce(api, "a-dead-one", f"http://127.0.0.1:{free_port()}")
    async with logger(api, 200, b"line\n"):
        assert (await admin("GET", f"{app}/logs")).text == "line\n"


async def test_only_who_may_see_an_app_sees_its_log(api: Api, admin: Client, app: str) -> None:
    other = await api.client.joined("other")
    assert (await other("GET", f"{app}/logs")).status == 403
    assert (await admin("GET", "/v1/apps/nope/logs")).status == 404
