"""Logs of apps, from whichever logger is there."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from libs.loglines.sharing import logger_of
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


FILTERS = {
    "process": "web.1",
    "instance": "x7k2",
    "release": "v3",
    "stream": "stderr",
    "since": "2015-01-31T23:59:59+02:00",
    "until": "10m",
    "grep": "a+b|c&d=ä%",
    "level": "warning",
}


async def test_filters_are_passed_on_and_nothing_else_is(api: Api, admin: Client, app: str) -> None:
    async with logger(api, 200, b"line\n") as asked:
        answer = await admin("GET", f"{app}/logs?{urlencode({**FILTERS, 'colour': 'red', 'log_lines': 7})}")
    assert answer.text == "line\n"
    assert dict(asked[0].query) == {**FILTERS, "log_lines": "7"}


async def test_a_filter_that_the_logger_cannot_read_is_400_in_its_words(api: Api, admin: Client, app: str) -> None:
    said = "level is 'loud'; it must be debug, info, warning or error"
    refusal = json.dumps({"detail": said}).encode()
    async with logger(api, 400, refusal, content_type="application/json"):
        answer = await admin("GET", f"{app}/logs?level=loud")
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": said})


@pytest.mark.parametrize("body", [b"", b"Bad Request", b"[]", b"{}"])
async def test_a_logger_that_does_not_say_what_is_wrong_with_a_filter_is_400_too(
    api: Api, admin: Client, app: str, body: bytes
) -> None:
    async with logger(api, 400, body, content_type="application/json"):
        answer = await admin("GET", f"{app}/logs?grep=x")
    said = "The logger cannot read these filters; they may be too long."
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": said})


async def test_a_logger_that_refuses_what_has_no_filter_is_v1s_500(api: Api, admin: Client, app: str) -> None:
    async with logger(api, 400, b'{"detail": "no"}', content_type="application/json"):
        answer = await admin("GET", f"{app}/logs?log_lines=5")
    assert (answer.line, answer.text) == ("500 INTERNAL SERVER ERROR", "Error accessing logs for hello")


async def test_a_logger_that_looks_for_too_much_already_is_503_in_its_words(api: Api, admin: Client, app: str) -> None:
    said = json.dumps({"detail": "4 reads of hello look for a grep now"}).encode()
    own, other = await two_loggers(api)
    more: dict[str, Any] = {"content_type": "application/json", "headers": {"Retry-After": "2"}}
    async with logger(api, 503, said, id_=own, **more), logger(api, 200, b"from before\n", id_=other) as asked:
        answer = await admin("GET", f"{app}/logs?grep=x")
        assert (answer.line, answer.json) == (
            "503 SERVICE UNAVAILABLE",
            {"detail": "4 reads of hello look for a grep now"},
        )
        assert answer.headers["Retry-After"] == "1"
        assert asked == []
    async with logger(api, 503, id_=own), logger(api, 204, id_=other):
        answer = await admin("GET", f"{app}/logs")
        assert (answer.status, "Try again soon" in answer.text) == (503, True)


async def test_the_apps_own_logger_is_asked_first_and_another_when_it_fails(api: Api, admin: Client) -> None:
    """Apps whose logger is the one, and apps whose logger is the other."""
    apps = [f"app{number}" for number in range(6)]
    for name in apps:
        assert (await admin("POST", "/v1/apps", {"id": name})).status == 201
    async with logger(api, 200, b"one\n", id_="one"):
        async with logger(api, 200, b"two\n", id_="two"):
            members = [member for _, member in api.controller.picture.loggers.mirror.items()]
            own = {app.id: logger_of(app.uuid, members) for _, app in api.controller.picture.apps.mirror.items()}
            said = {name: (await admin("GET", f"/v1/apps/{name}/logs")).text for name in apps}
            assert said == {name: f"{member.id}\n" for name, member in own.items() if member}
        for name in apps:
            assert (await admin("GET", f"/v1/apps/{name}/logs")).text == "one\n"


async def test_what_another_logger_kept_is_told_where_the_apps_own_has_nothing(
    api: Api, admin: Client, app: str
) -> None:
    own, other = await two_loggers(api)
    async with logger(api, 204, id_=own), logger(api, 200, b"from before\n", id_=other):
        assert (await admin("GET", f"{app}/logs")).text == "from before\n"
    async with logger(api, 204, id_=own), logger(api, 204, id_=other):
        assert (await admin("GET", f"{app}/logs")).line == "204 NO CONTENT"


async def test_that_another_logger_has_nothing_is_no_word_on_the_apps_lines(api: Api, admin: Client, app: str) -> None:
    own, other = await two_loggers(api)
    async with logger(api, 500, id_=own), logger(api, 204, id_=other):
        answer = await admin("GET", f"{app}/logs")
    assert (answer.line, answer.text) == ("500 INTERNAL SERVER ERROR", "Error accessing logs for hello")


async def two_loggers(api: Api) -> tuple[str, str]:
    """The ids of two loggers: first the one that keeps the app."""
    for name in ("one", "two"):
        await announce(api, name, f"http://127.0.0.1:{free_port()}")
    members = [member for _, member in api.controller.picture.loggers.mirror.items()]
    found = api.controller.picture.apps.mirror.get("hello")
    assert found is not None
    own = logger_of(found.uuid, members)
    assert own is not None
    return own.id, "two" if own.id == "one" else "one"
