"""The builder's hooks."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from libs.keyspace import Sealed
from libs.keyspace.records import PlatformSetting
from libs.store.shelf import Shelf
from services.controller.builder_key import NAME, PLACE
from tests.contract.controller.asking import config, versions
from tests.support.api import Answer, Api, Client, running_api

PUSHED = {"receive_user": "admin", "receive_repo": "hello"}
PUSH: dict[str, Any] = {
    **PUSHED,
    "sha": "ecdff91c57a0b9ab82e89634df87e293d259a3aa",
    "fingerprint": "5c:a7:14:0e:58:02:2c:80:13:05:3c:d6:9d:38:4e:60",
    "ssh_connection": "10.0.1.10 50337 172.17.0.143 22",
    "ssh_original_command": "git-receive-pack 'hello.git'",
}
BUILT: dict[str, Any] = {
    **PUSHED,
    "image": "127.0.0.1:5000/hello:git-ecdff91c",
    "sha": "ecdff91c57a0b9ab82e89634df87e293d259a3aa",
    "procfile": {"web": "node server.js", "worker": "node worker.js"},
    "dockerfile": "",
}


@pytest.fixture
async def key(api: Api) -> str:
    return await api.controller.builder_key.value()


class Builder:
    """Who shows the builder key, and no token."""

    def __init__(self, client: Client, key: str) -> None:
        self._client, self._key = client.with_token(""), key

    async def __call__(self, hook: str, body: dict[str, Any]) -> Answer:
        """One request."""
        return await self._client("POST", f"/v1/hooks/{hook}", body, headers={"X-Deis-Builder-Auth": self._key})


@pytest.fixture
def builder(api: Api, key: str) -> Builder:
    return Builder(api.client, key)


async def test_a_push_looks_as_in_v1_and_is_an_event_of_its_app(admin: Client, app: str, builder: Builder) -> None:
    answer = await builder("push", PUSH)
    assert answer.line == "201 CREATED"
    v1 = ["uuid", "owner", "app", "sha", "fingerprint", "receive_user", "receive_repo"]
    assert list(answer.json) == [*v1, "ssh_connection", "ssh_original_command", "created", "updated"]
    assert str(uuid.UUID(answer.json["uuid"])) == answer.json["uuid"]
    assert {name: answer.json[name] for name in PUSH} == PUSH
    assert (answer.json["owner"], answer.json["app"]) == ("admin", "hello")
    told = (await admin("GET", f"{app}/events")).json["results"][0]
    assert (told["kind"], told["by"]) == ("pushed", "admin")
    assert told["message"] == f"admin pushed ecdff91 from 10.0.1.10 with the key {PUSH['fingerprint']}"


async def test_the_config_is_that_of_the_wanted_release(admin: Client, app: str, builder: Builder) -> None:
    await config(admin, app, A="1")
    await config(admin, app, A="2")
    answer = await builder("config", PUSHED)
    assert answer.line == "200 OK"
    assert answer.json == (await admin("GET", f"{app}/config")).json
    assert answer.json["values"] == {"A": "2"}


async def test_a_build_is_a_release_in_the_pushers_name(admin: Client, app: str, builder: Builder) -> None:
    answer = await builder("build", BUILT)
    assert answer.line == "200 OK"
    assert answer.json == {"release": {"version": 2}, "domains": ["hello.example.net"]}
    build = (await admin("GET", f"{app}/builds")).json["results"][0]
    assert {name: build[name] for name in ("image", "sha", "procfile", "dockerfile", "owner")} == {
        **{name: BUILT[name] for name in ("image", "sha", "procfile", "dockerfile")},
        "owner": "admin",
    }
    assert (await versions(admin, app))[0] == (2, "admin deployed ecdff91")
    assert (await admin("GET", app)).json["structure"] == {"web": 1}


@pytest.mark.parametrize(
    ("more", "structure"),
    [
        ({"dockerfile": "true", "procfile": {}}, {"cmd": 1}),
        ({"dockerfile": "true"}, {"web": 1}),
        ({"procfile": {}}, {"web": 1}),
        ({"procfile": '{"worker": "x"}'}, {"cmd": 1}),
    ],
)
async def test_what_runs_first_goes_by_how_it_was_built(
    admin: Client, app: str, builder: Builder, more: dict[str, Any], structure: dict[str, int]
) -> None:
    assert (await builder("build", {**BUILT, **more})).status == 200
    assert (await admin("GET", app)).json["structure"] == structure


async def test_a_build_that_does_not_come_up_fails_with_its_reason(
    api: Api, admin: Client, app: str, builder: Builder
) -> None:
    api.deployer.failing[BUILT["image"]] = "cmd.1 exited with 1"
    answer = await builder("build", BUILT)
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].startswith("cmd.1 exited with 1")


@pytest.mark.parametrize("hook", ["push", "config", "build"])
async def test_only_the_builder_key_opens_a_hook(api: Api, admin: Client, app: str, key: str, hook: str) -> None:
    body = {"push": PUSH, "config": PUSHED, "build": BUILT}[hook]
    for shown in ({}, {"X-Deis-Builder-Auth": ""}, {"X-Deis-Builder-Auth": key[:-1]}, {"X-Deis-Builder-Auth": "ü"}):
        for client in (admin, api.client):
            answer = await client("POST", f"/v1/hooks/{hook}", body, headers=shown)
            assert answer.line == "401 UNAUTHORIZED"
            assert answer.json == {"detail": "Authentication credentials were not provided."}
    assert (await admin("GET", f"{app}/events")).json["count"] == 1
    assert (await admin("GET", f"{app}/releases")).json["count"] == 1


@pytest.mark.parametrize("hook", ["push", "config", "build"])
async def test_a_hook_lets_a_user_do_what_the_user_may(api: Api, admin: Client, app: str, key: str, hook: str) -> None:
    builder = Builder(api.client, key)
    body = {"push": PUSH, "config": PUSHED, "build": BUILT}[hook]
    await admin.joined("other")
    answer = await builder(hook, {**body, "receive_user": "other"})
    assert answer.line == "403 FORBIDDEN"
    assert answer.json == {"detail": "You do not have permission to perform this action."}
    assert (await builder(hook, {**body, "receive_user": "nobody"})).line == "404 NOT FOUND"
    assert (await builder(hook, {**body, "receive_repo": "nope"})).line == "404 NOT FOUND"
    await Shelf(api.store, api.controller.keyspace.apps).update(lambda a: a.changed(collaborators=("other",)), "hello")
    stored = await Shelf(api.store, api.controller.keyspace.apps).get("hello")
    assert stored is not None
    await api.controller.picture.apps.reach(stored.revision)
    assert (await builder(hook, {**body, "receive_user": "other"})).status < 300


async def test_a_user_who_is_not_active_may_not_push(api: Api, admin: Client, app: str, builder: Builder) -> None:
    users = Shelf(api.store, api.controller.keyspace.users)
    stored = await users.update(lambda user: user.changed(is_active=False), "admin")
    assert stored is not None
    await api.controller.picture.users.reach(stored.revision)
    assert (await builder("push", PUSH)).line == "403 FORBIDDEN"


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("hook", "body", "missing"),
    [
        *(("push", PUSH, name) for name in PUSH),
        *(("config", PUSHED, name) for name in PUSHED),
        ("build", BUILT, "image"),
    ],
)
async def test_a_missing_field_is_named(builder: Builder, hook: str, body: dict[str, Any], missing: str) -> None:
    answer = await builder(hook, {name: value for name, value in body.items() if name != missing})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {missing: ["This field is required."]})


async def test_a_bad_build_is_refused_where_v1_said_200(admin: Client, app: str, builder: Builder) -> None:
    answer = await builder("build", {**BUILT, "procfile": "{"})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"procfile": ["Value must be valid JSON."]})
    refused = await builder("build", {**BUILT, "image": "deis/controller:v1"})
    assert refused.json == {"detail": "Repository name deis/controller is not allowed"}
    assert (await admin("GET", f"{app}/releases")).json["count"] == 1


async def test_the_key_is_made_once_and_kept_sealed(api: Api, tmp_path: Path) -> None:
    key = await api.controller.builder_key.value()
    assert len(bytes.fromhex(key)) == 32
    async with running_api(api.store, tmp_path) as second:
        assert await second.controller.builder_key.value() == key
        stored = await Shelf(api.store, api.controller.keyspace.platform).get(NAME)
        assert stored is not None
        assert isinstance(stored.document.value, str)
        assert key not in stored.document.value
        assert second.controller.vault.unseal_text(PLACE, Sealed(stored.document.value)) == key


async def test_of_two_controllers_that_make_a_key_both_have_the_first_ones(api: Api) -> None:
    made = api.controller.vault.seal_text(PLACE, "the other controller's")
    await Shelf(api.store, api.controller.keyspace.platform).create(PlatformSetting(value=made), NAME)
    assert await api.controller.builder_key.value() == "the other controller's"


async def test_an_operator_may_choose_the_key(api: Api, tmp_path: Path) -> None:
    chosen = "chosen by an operator"
    async with running_api(api.store, tmp_path, builder_key=SecretStr(chosen)) as second:
        assert chosen not in repr(second.controller.settings)
        for key, status in ((chosen, 404), (await api.controller.builder_key.value(), 401)):
            answer = await Builder(second.client, key)("config", PUSHED)
            assert answer.status == status


async def test_the_key_is_there_before_anything_is_pushed_once_something_can_be_sealed(api: Api) -> None:
    keys, platform = api.controller.builder_key, Shelf(api.store, api.controller.keyspace.platform)
    api.controller.vault.locked = "no key yet"
    await keys.ensure()
    assert await platform.get(NAME) is None
    api.controller.vault.locked = ""
    await keys.ensure()
    assert await platform.get(NAME) is not None


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.dictionaries(st.text(max_size=5), st.text())
BODIES = st.dictionaries(st.sampled_from([*PUSH, *BUILT]), ODD)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hook=st.sampled_from(["push", "config", "build"]), more=BODIES, known=st.booleans())
@pytest.mark.usefixtures("app")
async def test_no_body_makes_a_hook_fail(builder: Builder, hook: str, more: dict[str, Any], *, known: bool) -> None:
    answer = await builder(hook, {**more, **(PUSHED if known else {})})
    assert answer.status < 500, (hook, more, answer)
