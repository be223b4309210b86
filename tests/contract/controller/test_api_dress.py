"""What every answer of the API carries: v1's headers, reasons, slashes, methods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api, Client

VERSIONS = ("DEIS_API_VERSION", "DEIS_PLATFORM_VERSION", "X_DEIS_API_VERSION", "X_DEIS_PLATFORM_VERSION")
NOBODY = {"detail": "Authentication credentials were not provided."}


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("GET", "/healthz", "200 OK"),
        ("GET", "/v1/", "401 UNAUTHORIZED"),
        ("GET", "/nowhere", "404 NOT FOUND"),
        ("POST", "/healthz", "405 METHOD NOT ALLOWED"),
        ("POST", "/v1/auth/login/", "400 BAD REQUEST"),
    ],
)
async def test_every_answer_tells_the_versions(api: Api, method: str, path: str, line: str) -> None:
    answer = await api.client(method, path)
    assert answer.line == line
    assert all(name in answer.headers for name in VERSIONS)
    assert answer.headers["DEIS_API_VERSION"] == "1.7"
    assert answer.headers["X-Request-Id"]


async def test_the_health_probe_asks_for_nobody(api: Api) -> None:
    assert (await api.client("GET", "/healthz")).text == "OK"
    assert (await api.client("HEAD", "/healthz")).line == "200 OK"
    assert (await api.client("PUT", "/healthz")).status == 405


async def test_the_root_tells_whether_a_token_is_good(api: Api, admin: Client) -> None:
    assert (await api.client("GET", "/v1/")).json == NOBODY
    answer = await admin("GET", "/v1/")
    assert (answer.line, answer.text) == ("200 OK", "{}")


@pytest.mark.parametrize("word", ["token", "Token", "TOKEN"])
async def test_the_schemes_case_does_not_matter(api: Api, admin: Client, word: str) -> None:
    answer = await api.client("GET", "/v1/", headers={"Authorization": f"{word} {admin.token}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("Basic abc", NOBODY["detail"]),
        ("Bearer abc", NOBODY["detail"]),
        ("token", "Invalid token header. No credentials provided."),
        ("token a b", "Invalid token header. Token string should not contain spaces."),
        ("token abc", "Invalid token"),
        ("token " + "x" * 5000, "Invalid token"),
        ("token \xff\xfe", "Invalid token"),
    ],
)
async def test_a_bad_credential_is_401_and_says_why(api: Api, header: str, detail: str) -> None:
    answer = await api.client("GET", "/v1/apps", headers={"Authorization": header})
    assert (answer.line, answer.json) == ("401 UNAUTHORIZED", {"detail": detail})
    assert answer.headers["WWW-Authenticate"] == "Token"


async def test_a_client_of_another_version_is_refused(admin: Client) -> None:
    answer = await admin("GET", "/v1/apps", headers={"DEIS-VERSION": "2"})
    assert answer.line == "405 METHOD NOT ALLOWED"
    error = "Client and server versions do not match. Client version: 2 Server version: 1"
    assert answer.json == {"error": error}
    assert (await admin("GET", "/v1/apps", headers={"DEIS-VERSION": "1"})).status == 200


async def test_a_final_slash_is_optional(admin: Client, built: str) -> None:
    for path in ("/v1", "/v1/apps", built, f"{built}/config", f"{built}/releases", f"{built}/containers/cmd"):
        assert (await admin("GET", path)).status == 200
        assert (await admin("GET", path + "/")).status == 200


async def test_only_login_must_have_its_slash(api: Api) -> None:
    assert (await api.client("POST", "/v1/auth/login")).line == "404 NOT FOUND"
    assert (await api.client("POST", "/v1/auth/register", {})).line == "400 BAD REQUEST"


@pytest.mark.parametrize("path", ["/", "/v2/apps", "/v1/nothing", "/v1/apps/x/y/z", "/v1/apps//config", "/%00"])
async def test_an_unknown_url_is_a_404_page(admin: Client, path: str) -> None:
    answer = await admin("GET", path)
    assert answer.line == "404 NOT FOUND"
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_a_wrong_method_is_405_to_who_is_known(api: Api, admin: Client, app: str) -> None:
    answer = await admin("PUT", app)
    assert (answer.line, answer.json) == ("405 METHOD NOT ALLOWED", {"detail": "Method 'PUT' not allowed."})
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, POST"
    assert (await api.client("PUT", app)).status == 401
    assert (await api.client("PUT", "/v1/auth/login/")).status == 405


async def test_what_answers_get_answers_head(admin: Client, app: str) -> None:
    answer = await admin("HEAD", app)
    assert (answer.line, answer.text) == ("200 OK", "")


async def test_options_describes_a_path(admin: Client) -> None:
    answer = await admin("OPTIONS", "/v1/apps")
    assert answer.line == "200 OK"
    assert list(answer.json) == ["name", "description", "renders", "parses", "actions"]
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


async def test_pages_of_other_origins_may_ask(api: Api, admin: Client) -> None:
    origin = {"Origin": "https://dashboard.example.org"}
    answer = await admin("GET", "/v1/apps", headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "DEIS_API_VERSION" in answer.headers["Access-Control-Expose-Headers"]
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await api.client("OPTIONS", "/v1/apps", headers={**origin, **asking})
    assert preflight.status == 200
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"


@pytest.mark.parametrize(
    "more",
    [
        {"json": {"id": "made"}},
        {"data": {"id": "made"}},
        {"data": b"id=made", "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}},
        {
            "data": b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nmade\r\n--x--\r\n',
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
        {"data": b'{"id":"made"}', "headers": {"Content-Type": "application/json"}},
    ],
)
async def test_a_body_may_be_json_or_a_form(admin: Client, more: dict[str, Any]) -> None:
    assert (await admin("POST", "/v1/apps", **more)).json["id"] == "made"


async def test_an_empty_json_body_is_an_empty_object(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", headers={"Content-Type": "application/json"})
    assert answer.status == 201


async def test_answers_are_compact_json_in_utf8(admin: Client) -> None:
    answer = await admin("GET", "/v1/apps")
    assert answer.text == '{"count":0,"next":null,"previous":null,"results":[]}'
    assert answer.headers["Content-Type"] == "application/json"
