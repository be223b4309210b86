"""Every kind of answer is dressed as v1's: its version headers, its reason in upper case, a name in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from libs.store.drivers.memory import MemoryStore
from services.controller.api import PLATFORM_VERSION
from tests.support.api import Answer, Api, Client, running_api
from tests.support.loggers import announce
from tests.support.ports import free_port

FOLLOWING = {"Accept": "application/x-ndjson"}
PREFLIGHT = {"Origin": "https://a.example.org", "Access-Control-Request-Method": "POST"}
NOBODY = {"username": "nobody", "password": "wrong"}


def check_dress(answer: Answer) -> None:
    """What every answer carries, whatever its kind."""
    assert answer.headers.getall("DEIS_API_VERSION") == ["1.7"]
    assert answer.headers.getall("X_DEIS_API_VERSION") == ["1.7"]
    assert answer.headers.getall("DEIS_PLATFORM_VERSION") == [PLATFORM_VERSION]
    assert answer.headers.getall("X_DEIS_PLATFORM_VERSION") == [PLATFORM_VERSION]
    assert len(answer.headers.getall("X-Request-Id")) == 1
    assert answer.reason == answer.reason.upper() != ""


@pytest.mark.parametrize(
    ("line", "method", "path", "body", "headers"),
    [
        ("200 OK", "GET", "/healthz", None, {}),
        ("200 OK", "GET", "/v1/apps", None, {}),
        ("200 OK", "HEAD", "/v1/apps", None, {}),
        ("200 OK", "OPTIONS", "/v1/apps", None, {}),
        ("200 OK", "OPTIONS", "/v1/apps", None, PREFLIGHT),
        ("200 OK", "OPTIONS", "/nowhere", None, PREFLIGHT),
        ("200 OK", "GET", "/v1/apps/hello/releases/v2", None, FOLLOWING),
        ("200 OK", "POST", "/v1/apps/hello/config", {"values": {"A": "1"}}, FOLLOWING),
        ("201 CREATED", "POST", "/v1/apps", {}, {}),
        ("204 NO CONTENT", "DELETE", "/v1/apps/hello", None, {}),
        ("400 BAD REQUEST", "POST", "/v1/apps", {"id": "-"}, {}),
        ("401 UNAUTHORIZED", "GET", "/v1/apps", None, {"Authorization": "token x"}),
        ("403 FORBIDDEN", "POST", "/v1/apps/hello/builds", {"image": "deis/controller"}, {}),
        ("404 NOT FOUND", "GET", "/v1/apps/nope", None, {}),
        ("404 NOT FOUND", "GET", "/nowhere", None, {}),
        ("404 NOT FOUND", "HEAD", "/v1/apps/nope", None, {}),
        ("405 METHOD NOT ALLOWED", "PUT", "/v1/apps", None, {}),
        ("405 METHOD NOT ALLOWED", "GET", "/nowhere", None, {"DEIS-VERSION": "2"}),
        ("409 CONFLICT", "POST", "/v1/apps/hello/releases/cancel", None, {}),
        ("415 UNSUPPORTED MEDIA TYPE", "POST", "/v1/apps", {}, {"Content-Type": "text/plain"}),
    ],
)
async def test_an_answer_of_any_kind_is_dressed(  # noqa: PLR0917 - a row
    admin: Client, built: str, line: str, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> None:
    answer = await admin(method, path, body, headers=headers)
    assert answer.line == line
    check_dress(answer)


async def refused_for_its_size(tmp_path: Path) -> Answer:
    async with running_api(MemoryStore(), tmp_path, controller_body_limit=1024) as api:
        return await (await api.client.joined("admin"))("POST", "/v1/apps", {"id": "x" * 2000})


async def throttled(tmp_path: Path) -> Answer:
    async with running_api(MemoryStore(), tmp_path) as api:
        for _ in range(100):
            answer = await api.client("POST", "/v1/auth/login/", NOBODY)
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) > 0
                return answer
        raise AssertionError(answer)


async def failed(tmp_path: Path) -> Answer:
    async with running_api(MemoryStore(), tmp_path) as api:
        admin = await api.client.joined("admin")
        api.controller.picture.apps.mirror.items = lambda *_: 1 / 0  # type: ignore[assignment,method-assign]
        answer = await admin("GET", "/v1/apps")
        assert "ZeroDivision" not in answer.text
        return answer


async def without_a_logger(tmp_path: Path) -> Answer:
    async with running_api(MemoryStore(), tmp_path) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await announce(api, "gone", f"http://127.0.0.1:{free_port()}")
        return await admin("GET", "/v1/apps/hello/logs")


async def without_the_store(tmp_path: Path) -> Answer:
    store = MemoryStore()
    async with running_api(store, tmp_path) as api:
        admin = await api.client.joined("admin")
        store._line.unavailable = True
        answer = await admin("POST", "/v1/apps", {"id": "hello"})
        assert answer.headers["Retry-After"] == "1"
        return answer


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        ("413 REQUEST ENTITY TOO LARGE", refused_for_its_size),
        ("429 TOO MANY REQUESTS", throttled),
        ("500 INTERNAL SERVER ERROR", failed),
        ("500 INTERNAL SERVER ERROR", without_a_logger),
        ("503 SERVICE UNAVAILABLE", without_the_store),
    ],
)
async def test_an_answer_in_trouble_is_dressed(
    line: str, ask: Callable[[Path], Awaitable[Answer]], tmp_path: Path
) -> None:
    answer = await ask(tmp_path)
    assert answer.line == line
    check_dress(answer)


async def test_a_failed_deploy_is_503_and_dressed(api: Api, admin: Client, app: str) -> None:
    api.deployer.failing["bad"] = "no such image"
    answer = await admin("POST", f"{app}/builds", {"image": "bad"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    check_dress(answer)


async def test_a_name_for_the_log_that_is_sent_is_taken_over(admin: Client) -> None:
    answer = await admin("GET", "/v1/apps", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["X-Request-Id"] == "mine-1"
    other = await admin("GET", "/v1/apps", headers={"X-Request-Id": "not mine\t!"})
    assert other.headers["X-Request-Id"] != "not mine\t!"
