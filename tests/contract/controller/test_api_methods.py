"""Methods and paths beside the plain ones: HEAD, OPTIONS, pages of other origins, final slashes, client versions."""

from __future__ import annotations

import pytest

from services.controller.api import routes
from tests.contract.controller.matrix.rows import ROWS
from tests.support.api import Answer, Api, Client
from tests.support.cast import Cast

ORIGIN = {"Origin": "https://dashboard.example.org"}
VARYING = {"date", "x-request-id"}
MUST_HAVE_ITS_SLASH = {("POST", "/v1/auth/login"), ("POST", "/v1/auth/tokens")}


def lasting(answer: Answer) -> list[tuple[str, str]]:
    """The headers that are the same in two answers to the same."""
    return [(name, value) for name, value in answer.headers.items() if name.lower() not in VARYING]


async def test_head_is_get_without_a_body(cast: Cast) -> None:
    for person in ("owner", "stranger", "anonymous"):
        for row in ROWS:
            if row.method == "GET":
                got = await cast.client(person)("GET", row.at(cast))
                head = await cast.client(person)("HEAD", row.at(cast))
                assert (head.line, head.text, lasting(head)) == (got.line, "", lasting(got)), (person, row)


async def test_head_of_what_is_not_got_is_405(admin: Client, app: str) -> None:
    assert (await admin("HEAD", f"{app}/scale")).line == "405 METHOD NOT ALLOWED"


async def test_options_describes_every_path(cast: Cast) -> None:
    for row in ROWS:
        answer = await cast.client("owner")("OPTIONS", row.at(cast))
        if row.path == "/healthz":
            assert answer.status == 405
            continue
        assert answer.line == "200 OK", row
        assert list(answer.json) == ["name", "description", "renders", "parses", "actions"]
        assert row.method in answer.headers["Allow"].split(", ")


async def test_who_is_not_known_gets_a_description_of_what_is_open_alone(cast: Cast) -> None:
    for row in ROWS:
        answer = await cast.client("anonymous")("OPTIONS", row.at(cast))
        assert answer.status == (401 if row.wants_a_token else 405 if row.path == "/healthz" else 200), row


@pytest.mark.parametrize("path", ["/v1/apps", "/v1/apps/hello", "/v1/auth/login/", "/healthz", "/nowhere"])
async def test_a_browser_may_ask_first_at_any_path_without_a_token(api: Api, path: str) -> None:
    asking = {**ORIGIN, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization, x-a"}
    answer = await api.client("OPTIONS", path, headers=asking)
    assert (answer.line, answer.text) == ("200 OK", "")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-a"
    assert {"GET", "OPTIONS"} & set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/apps", 200), ("GET", "/v1/apps/nope", 404), ("GET", "/nowhere", 404), ("PUT", "/v1/apps", 405)],
)
async def test_a_page_of_another_origin_may_read_any_answer(admin: Client, method: str, path: str, status: int) -> None:
    answer = await admin(method, path, headers=ORIGIN)
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"DEIS_API_VERSION", "DEIS_PLATFORM_VERSION", "Deis-Release", "X-Deis-Release"} <= set(exposed)


async def test_without_an_origin_nothing_is_said_of_origins(admin: Client) -> None:
    answer = await admin("GET", "/v1/apps")
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_a_final_slash_is_optional_but_where_v1_wants_it(cast: Cast) -> None:
    """Seen without a token: what is there says who may come in, what is not is a page."""
    nobody = cast.client("anonymous")
    for row in ROWS:
        path = row.at(cast).rstrip("/")
        if row.path == "/healthz":
            continue
        without, with_slash = await nobody(row.method, path, row.body), await nobody(row.method, f"{path}/", row.body)
        assert with_slash.status in {row.status("anonymous"), 400, 429}, row
        if (row.method, path) in MUST_HAVE_ITS_SLASH:
            assert (without.line, without.json) == ("404 NOT FOUND", None)
        else:
            assert without.status in {row.status("anonymous"), 400}, row


async def test_only_these_must_have_their_slash(cast: Cast) -> None:
    declared = routes(cast.api.controller)
    assert {(route.method, route.path) for route in declared if route.slash} == MUST_HAVE_ITS_SLASH


@pytest.mark.parametrize("path", ["/v1/apps", "/v1/", "/healthz", "/nowhere", "/v1/auth/login/"])
@pytest.mark.parametrize("asked", ["2", "0", "", "1.0", "one", "1 "])
async def test_a_client_of_another_version_is_told_so_anywhere(api: Api, path: str, asked: str) -> None:
    answer = await api.client("GET", path, headers={"DEIS-VERSION": asked})
    if asked.strip() == "1":  # HTTP takes the space away (RFC 9110 §5.5)
        assert "error" not in (answer.json or {})
        return
    assert answer.line == "405 METHOD NOT ALLOWED"
    said = f"Client and server versions do not match. Client version: {asked} Server version: 1"
    assert answer.json == {"error": said}


async def test_the_old_clients_version_header_is_of_no_matter(admin: Client) -> None:
    assert (await admin("GET", "/v1/apps", headers={"X-Deis-Version": "1.8.0"})).status == 200


@pytest.mark.parametrize("expects", ["100-continue", "100-Continue", "a-miracle"])
async def test_a_client_may_wait_to_be_asked_for_its_body(admin: Client, expects: str) -> None:
    waits = {"expect100": True} if expects == "100-continue" else {"headers": {"Expect": expects}}
    assert (await admin("POST", "/v1/apps", {"id": "hello"}, **waits)).line == "201 CREATED"
