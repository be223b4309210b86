"""Users' public SSH keys."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.support.api import Api, Client
from tests.support.ssh import make_public_key

UNIQUE = ["This field must be unique."]


async def ids(client: Client) -> list[str]:
    return [one["id"] for one in (await client("GET", "/v1/keys")).json["results"]]


async def test_a_key_looks_as_in_v1(admin: Client) -> None:
    public = make_public_key("ann@laptop")
    answer = await admin("POST", "/v1/keys/", {"id": "laptop", "public": f"{public}\n"})
    assert answer.line == "201 CREATED"
    assert list(answer.json) == ["uuid", "owner", "fingerprint", "created", "updated", "id", "public"]
    assert (answer.json["owner"], answer.json["id"], answer.json["public"]) == ("admin", "laptop", public)
    assert str(uuid.UUID(answer.json["uuid"])) == answer.json["uuid"]
    assert (await admin("GET", "/v1/keys")).json["results"] == [answer.json]
    assert (await admin("GET", "/v1/keys/laptop")).json == answer.json


@pytest.mark.parametrize("id_", ["ann@laptop", "a/b", "a/b/", "ann@home/x y", "100%", "ünder", "a//b", "..", "?#"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_an_id_may_hold_what_a_path_may_not(admin: Client, id_: str, slash: str) -> None:
    assert (await admin("POST", "/v1/keys", {"id": id_, "public": make_public_key()})).status == 201
    path = f"/v1/keys/{''.join(f'%{byte:02X}' for byte in id_.encode())}{slash}"
    assert (await admin("GET", path)).json["id"] == id_
    assert (await admin("DELETE", path)).line == "204 NO CONTENT"
    assert (await admin("GET", path)).line == "404 NOT FOUND"


@pytest.mark.parametrize("path", ["ann@laptop", "ann%40laptop", "a/b", "a%2Fb", "a/b/", "a%2fb/"])
async def test_an_id_need_not_be_encoded(admin: Client, path: str) -> None:
    for id_ in ("ann@laptop", "a/b"):
        await admin("POST", "/v1/keys", {"id": id_, "public": make_public_key()})
    assert (await admin("GET", f"/v1/keys/{path}")).status == 200
    assert (await admin("DELETE", f"/v1/keys/{path}")).status == 204
    assert len(await ids(admin)) == 1


async def test_a_key_is_one_users_only_whatever_its_comment(admin: Client) -> None:
    other = await admin.joined("other")
    public = make_public_key("")
    assert (await admin("POST", "/v1/keys", {"id": "mine", "public": public})).status == 201
    for client, id_ in ((admin, "again"), (other, "stolen")):
        refused = await client("POST", "/v1/keys", {"id": id_, "public": f"{public} another comment"})
        assert (refused.line, refused.json) == ("400 BAD REQUEST", {"public": UNIQUE})
    await admin("DELETE", "/v1/keys/mine")
    assert (await other("POST", "/v1/keys", {"id": "given", "public": public})).status == 201


async def test_an_id_is_one_of_its_kind_among_a_users(admin: Client) -> None:
    other = await admin.joined("other")
    assert (await admin("POST", "/v1/keys", {"id": "laptop", "public": make_public_key()})).status == 201
    refused = await admin("POST", "/v1/keys", {"id": "laptop", "public": make_public_key()})
    assert (refused.line, refused.json) == ("400 BAD REQUEST", {"id": UNIQUE})
    assert (await other("POST", "/v1/keys", {"id": "laptop", "public": make_public_key()})).status == 201
    assert await ids(admin) == await ids(other) == ["laptop"]


async def test_of_two_keys_of_one_id_that_come_at_once_one_stays(admin: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(admin("POST", "/v1/keys", {"id": "laptop", "public": make_public_key()}))
            for _ in range(5)
        ]
    assert sorted(task.result().status for task in tasks) == [201, 400, 400, 400, 400]
    assert await ids(admin) == ["laptop"]


async def test_others_keys_are_not_found_not_even_by_a_superuser(admin: Client) -> None:
    other = await admin.joined("other")
    await other("POST", "/v1/keys", {"id": "theirs", "public": make_public_key()})
    assert await ids(admin) == []
    for method in ("GET", "DELETE"):
        answer = await admin(method, "/v1/keys/theirs")
        assert (answer.line, answer.json) == ("404 NOT FOUND", {"detail": "Not found"})
    assert await ids(other) == ["theirs"]


async def test_keys_come_in_pages_oldest_first(admin: Client) -> None:
    for number in range(3):
        await admin("POST", "/v1/keys", {"id": f"key{2 - number}", "public": make_public_key()})
    page = (await admin("GET", "/v1/keys?page_size=2")).json
    assert (page["count"], [one["id"] for one in page["results"]]) == (3, ["key2", "key1"])


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"public": make_public_key()}, "id", "This field is required."),
        ({"id": "", "public": make_public_key()}, "id", "This field may not be blank."),
        ({"id": "x" * 129, "public": make_public_key()}, "id", "Ensure this field has no more than 128 characters."),
        ({"id": "a\nb", "public": make_public_key()}, "id", "Key ids can only contain printable characters."),
        ({"id": "a"}, "public", "This field is required."),
        ({"id": "a", "public": " "}, "public", "This field may not be blank."),
        ({"id": "a", "public": "ssh-rsa AAA"}, "public", "Could not load the public key: Incorrect padding"),
        ({"id": "a", "public": "x" * 8193}, "public", "Ensure this field has no more than 8192 characters."),
    ],
)
async def test_a_bad_key_is_refused_by_field(admin: Client, body: dict[str, str], field: str, said: str) -> None:
    answer = await admin("POST", "/v1/keys", body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {field: [said]})
    assert await ids(admin) == []


async def test_a_form_brings_a_key_as_json_does(admin: Client) -> None:
    answer = await admin("POST", "/v1/keys", data={"id": "form", "public": make_public_key()})
    assert answer.status == 201


async def test_keys_are_nobodys_without_a_token(api: Api) -> None:
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("GET", "/v1/keys/a"), ("DELETE", "/v1/keys/a")):
        assert (await api.client(method, path)).line == "401 UNAUTHORIZED"
