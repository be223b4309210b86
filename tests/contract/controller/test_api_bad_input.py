"""Whatever comes in, the answer is no 500 and nothing is changed."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import Api, Client

HUNDRED_MEGABYTES = 100 * 1024 * 1024
JSON_TYPE = {"Content-Type": "application/json"}

POSTS = [
    "/v1/apps",
    "/v1/apps/hello",
    "/v1/apps/hello/config",
    "/v1/apps/hello/healthchecks",
    "/v1/apps/hello/settings",
    "/v1/apps/hello/builds",
    "/v1/apps/hello/scale",
    "/v1/apps/hello/domains",
    "/v1/apps/hello/releases/rollback",
    "/v1/apps/hello/releases/cancel",
    "/v1/apps/hello/releases/v2/cancel",
    "/v1/apps/hello/containers/restart",
    "/v1/auth/register",
    "/v1/auth/login/",
    "/v1/auth/passwd",
    "/v1/keys",
    "/v1/certs",
]
ODD_BODIES: list[tuple[bytes, int]] = [
    (b"{", 400),
    (b"[]", 400),
    (b"null", 400),
    (b'"x"', 400),
    (b"\xff\xfe{", 400),
    (b'{"id": "\xff"}', 400),
    (b'{"id": "\\ud800"}', 400),
    (b"[" * 50_000, 400),
    (b'{"a":' * 5_000, 400),
    (b'{"a": ' + b"9" * 10_000 + b"}", 400),
]


async def everything(api: Api) -> dict[str, bytes]:
    return {entry.key: entry.value for entry in (await api.store.list("/deis/")).entries}


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_that_is_no_object_is_refused_everywhere(api: Api, admin: Client, built: str, path: str) -> None:
    before = await everything(api)
    for body, status in ODD_BODIES:
        answer = await admin("POST", path, data=body, headers=JSON_TYPE)
        assert answer.status == status, (path, body[:20], answer)
        assert isinstance(answer.json, dict)
    wrong_type = await admin("POST", path, data=b"id=x", headers={"Content-Type": "text/plain"})
    assert wrong_type.line == "415 UNSUPPORTED MEDIA TYPE"
    assert wrong_type.json == {"detail": "Unsupported media type 'text/plain' in request."}
    assert await everything(api) == before


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused(admin: Client, encoding: str) -> None:
    headers = {**JSON_TYPE, "Content-Encoding": encoding}
    answer = await admin("POST", "/v1/apps", data=b'{"id": "hello"}', headers=headers, compress=False)
    assert answer.line == "400 BAD REQUEST"
    assert "cannot be read" in answer.json["detail"]
    packed = await admin("POST", "/v1/apps", data=zlib.compress(b'{"id": "packed"}'), headers=headers)
    assert packed.status == (201 if encoding == "deflate" else 400)


@pytest.mark.parametrize("host", ["x:99999", "x:port", "x:-1"])
async def test_a_host_that_makes_no_address_is_refused_before_anything_is_done(admin: Client, host: str) -> None:
    for method, path, body in (("GET", "/v1/apps", None), ("POST", "/v1/apps", {"id": "new"})):
        answer = await admin(method, path, body, headers={"Host": host})
        assert (answer.status, answer.json["detail"][:32]) == (400, "The header Host makes no address")
    assert (await admin("GET", "/v1/apps/new")).status == 404


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_of_a_hundred_megabytes_is_refused_as_json(api: Api, admin: Client, built: str, path: str) -> None:
    before = await everything(api)

    async def flood() -> Any:
        for _ in range(100):
            yield b" " * (1024 * 1024)

    for more in ({"data": io.BytesIO(bytes(HUNDRED_MEGABYTES))}, {"data": flood()}):
        answer = await admin("POST", path, headers=JSON_TYPE, **more)
        assert answer.line == "413 REQUEST ENTITY TOO LARGE"
        assert "larger" in answer.json["detail"]
    assert await everything(api) == before


@pytest.mark.parametrize(
    ("path", "body", "wrong"),
    [
        ("/v1/apps", {"id": "Bad_Name"}, {"id": ["App IDs can only contain [a-z0-9-]."]}),
        ("/v1/apps", {"id": "-x"}, {"id": ["App IDs cannot begin or end with a hyphen."]}),
        ("/v1/apps", {"id": "x" * 64}, {"id": ["Ensure this field has no more than 63 characters."]}),
        ("/v1/apps", {"id": "deis"}, {"id": ["deis is a reserved name."]}),
        ("/v1/apps", {"id": ""}, {"id": ["This field may not be blank."]}),
        ("/v1/apps", {"id": "x\0y"}, {"id": ["Null characters are not allowed."]}),
        ("/v1/apps", {"id": {"a": 1}}, {"id": ["Not a valid string."]}),
        ("/v1/apps", {"structure": {"web": -1}}, {"structure": ["[u'Must be greater than or equal to zero']"]}),
        ("/v1/apps/hello/builds", {}, {"image": ["This field is required."]}),
        ("/v1/apps/hello/builds", {"image": ""}, {"image": ["This field may not be blank."]}),
        ("/v1/apps/hello/builds", {"image": "a b"}, {"image": ["Enter a valid image name."]}),
        ("/v1/apps/hello/builds", {"image": "-v"}, {"image": ["Enter a valid image name."]}),
        (
            "/v1/apps/hello/builds",
            {"image": "x" * 257},
            {"image": ["Ensure this field has no more than 256 characters."]},
        ),
        (
            "/v1/apps/hello/builds",
            {"image": "a", "sha": "x" * 41},
            {"sha": ["Ensure this field has no more than 40 characters."]},
        ),
        ("/v1/apps/hello/builds", {"image": "a", "procfile": "{"}, {"procfile": ["Value must be valid JSON."]}),
    ],
)
async def test_a_bad_field_is_named(admin: Client, built: str, path: str, body: dict[str, Any], wrong: object) -> None:
    answer = await admin("POST", path, body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", wrong)
    assert (await admin("GET", "/v1/apps")).json["count"] == 1
    assert (await admin("GET", f"{built}/builds")).json["count"] == 1
    assert (await admin("GET", f"{built}/releases")).json["count"] == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", ""),
        ("GET", "/config"),
        ("POST", "/config"),
        ("GET", "/healthchecks"),
        ("POST", "/healthchecks"),
        ("GET", "/settings"),
        ("POST", "/settings"),
        ("GET", "/builds"),
        ("POST", "/builds"),
        ("GET", "/builds/x"),
        ("GET", "/releases"),
        ("GET", "/releases/v1"),
        ("POST", "/releases/rollback"),
        ("POST", "/releases/cancel"),
        ("POST", "/releases/v1/cancel"),
        ("POST", "/scale"),
        ("GET", "/containers"),
        ("POST", "/containers/restart"),
        ("GET", "/domains"),
        ("POST", "/domains"),
        ("DELETE", "/domains/x"),
        ("GET", "/logs"),
        ("GET", "/events"),
    ],
)
async def test_an_unknown_app_is_not_found(admin: Client, method: str, path: str) -> None:
    for name in ("nope", "%2e%2e", "_x", "a%00b", "x" * 3000, "%ff"):
        answer = await admin(method, f"/v1/apps/{name}{path}")
        assert answer.line == "404 NOT FOUND"


async def test_unknown_fields_are_ignored(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", {"id": "hello", "colour": "blue", "uuid": "mine", "owner": "me"})
    assert answer.status == 201
    assert answer.json["owner"] == "admin"
    assert answer.json["uuid"] != "mine"


async def test_of_a_field_given_twice_the_last_one_counts(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", data=b'{"id": "first", "id": "last"}', headers=JSON_TYPE)
    assert answer.json["id"] == "last"


async def test_a_config_that_is_too_large_for_a_record_is_refused(admin: Client, app: str) -> None:
    for number in range(4):
        answer = await admin("POST", f"{app}/config", {"values": {f"K{number}": "x" * 125_000}})
        assert answer.status == 201
    refused = await admin("POST", f"{app}/config", {"values": {"K9": "x" * 125_000}})
    assert refused.json == {"values": ["All values together are longer than 512 KiB"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["id", "structure", "values", "memory", "cpu", "tags", "image", "procfile", "sha", "version", "cmd", "domain"]
NAMES += ["healthcheck", "settings", "public", "certificate", "key", "common_name"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(POSTS), body=st.dictionaries(st.sampled_from([*NAMES, "username", "owner"]), JSON))
async def test_no_json_makes_the_server_fail(admin: Client, built: str, path: str, body: dict[str, Any]) -> None:
    answer = await admin("POST", path, data=json.dumps(body).encode(), headers=JSON_TYPE)
    assert answer.status < 500, (path, body, answer)
