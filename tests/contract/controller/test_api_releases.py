"""Builds, releases and going back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.controller.asking import config, config_is, state_is, versions
from tests.support.api import Api, Client
from tests.support.waiting import eventually


async def test_a_build_is_a_release_and_starts_the_app(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/builds", {"image": "acme/hello:1"})
    assert answer.line == "201 CREATED"
    fields = ["owner", "app", "image", "sha", "procfile", "dockerfile", "created", "updated", "uuid"]
    assert list(answer.json) == fields
    assert answer.headers["Deis-Release"] == "2"
    assert (await admin("GET", app)).json["structure"] == {"cmd": 1}
    assert (await versions(admin, app))[0] == (2, "admin deployed acme/hello:1")
    assert (await admin("GET", f"{app}/builds/{answer.json['uuid']}")).json == answer.json
    release = (await admin("GET", f"{app}/releases/v2")).json
    fields = ["uuid", "app", "owner", "created", "updated", "version", "summary", "config", "build"]
    told = ["phase", "waiting", "in_place", "last_lines", "asked", "evidence", "instances"]
    assert list(release) == [*fields, "state", "reason", *told]
    assert release["build"] == answer.json["uuid"]


async def test_the_history_tells_what_runs_and_what_failed(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/bad:1"] = "it does not start"
    await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    await eventually(lambda: state_is(admin, built, 2, "current"))
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    told = [(one["version"], one["state"], one["reason"]) for one in listed]
    assert told == [(3, "failed", "it does not start"), (2, "current", ""), (1, "", "")]
    api.deployer.failing.clear()
    await config(admin, built, A="1")
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    assert [one["state"] for one in listed] == ["current", "failed", "", ""]


async def test_builds_are_listed_newest_first(admin: Client, built: str) -> None:
    body = {"image": "acme/hello:2", "procfile": '{"web": "run"}', "sha": "0123456789"}
    await admin("POST", f"{built}/builds", body)
    listed = (await admin("GET", f"{built}/builds")).json["results"]
    assert [one["image"] for one in listed] == ["acme/hello:2", "acme/hello:1"]
    assert listed[0]["procfile"] == {"web": "run"}
    assert (await versions(admin, built))[0] == (3, "admin deployed 0123456")


async def test_a_build_is_shown_by_its_own_uuid(admin: Client, built: str) -> None:
    """V1 always showed the latest release's."""
    await admin("POST", f"{built}/builds", {"image": "acme/hello:2"})
    for one in (await admin("GET", f"{built}/builds")).json["results"]:
        assert (await admin("GET", f"{built}/builds/{one['uuid']}")).json == one
    await admin("POST", "/v1/apps", {"id": "other"})
    for path in (f"{built}/builds/nope", f"/v1/apps/other/builds/{one['uuid']}"):
        assert (await admin("GET", path)).line == "404 NOT FOUND"


async def test_the_platforms_own_images_are_refused(admin: Client, app: str) -> None:
    for image in ("deis/controller", "deis/router:v1", "registry.example.org:5000/deis/builder@sha256:abc"):
        answer = await admin("POST", f"{app}/builds", {"image": image})
        assert answer.line == "403 FORBIDDEN"
    assert answer.json == {"detail": "Repository name deis/builder is not allowed"}
    assert (await admin("POST", f"{app}/builds", {"image": "deis/example-go"})).status == 201


async def test_a_failed_rollout_is_503_and_leaves_what_was(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    api.deployer.failing["acme/bad:1"] = "image acme/bad:1 cannot be had: manifest unknown"
    answer = await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json == {"detail": "image acme/bad:1 cannot be had: manifest unknown; v3 goes on\nTraceback: boom"}
    await eventually(lambda: config_is(admin, built, {"A": "1"}))
    again = await config(admin, built, B="2")
    assert again.status == 201
    assert again.headers["Deis-Release"] == "5"
    assert again.json["values"] == {"A": "1", "B": "2", "DEIS_APP": "hello", "DEIS_RELEASE": "v5"}


async def test_going_back_is_a_new_release(admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    await config(admin, built, A="2")
    answer = await admin("POST", f"{built}/releases/rollback", {})
    assert (answer.line, answer.json) == ("201 CREATED", {"version": 5})
    assert (await versions(admin, built))[0] == (5, "admin rolled back to v3")
    await config(admin, built, B="1")
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1", "B": "1"}


async def test_going_back_to_a_numbered_release(admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    assert (await admin("POST", f"{built}/releases/rollback", {"version": 2})).json == {"version": 4}
    assert (await admin("POST", f"{built}/releases/rollback", {"version": "3"})).json == {"version": 5}
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1"}
    assert (await admin("POST", f"{built}/releases/rollback", {"version": 0})).json == {"version": 6}


async def test_going_back_passes_over_failed_releases(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    api.deployer.failing["acme/bad:1"] = "no"
    await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    await eventually(lambda: config_is(admin, built, {"A": "1"}))
    await admin("POST", f"{built}/releases/rollback", {})
    assert (await versions(admin, built))[0] == (5, "admin rolled back to v2")


async def test_going_back_to_where_there_was_no_build_does_not_end_what_runs(admin: Client, built: str) -> None:
    for body in ({"version": 1}, {}):
        answer = await admin("POST", f"{built}/releases/rollback", body)
        assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": "No build associated with release v1"})
    assert len(await versions(admin, built)) == 2


async def test_going_back_without_a_build_is_a_release_like_any_other(admin: Client, app: str) -> None:
    await config(admin, app, A="1")
    assert (await admin("POST", f"{app}/releases/rollback", {"version": 1})).json == {"version": 3}
    assert (await admin("GET", f"{app}/config")).json["values"] == {}


@pytest.mark.parametrize(
    ("version", "status", "body"),
    [
        (-1, 400, {"detail": "version cannot be below 0"}),
        ("-3", 400, {"detail": "version cannot be below 0"}),
        (99, 404, {"detail": "Not found"}),
        ("x", 400, {"version": ["A valid integer is required."]}),
        ([], 400, {"version": ["A valid integer is required."]}),
        (10**30, 400, {"version": ["A valid integer is required."]}),
        (1.5, 400, {"version": ["A valid integer is required."]}),
    ],
)
async def test_a_bad_version_is_refused(admin: Client, built: str, version: Any, status: int, body: object) -> None:
    answer = await admin("POST", f"{built}/releases/rollback", {"version": version})
    assert (answer.status, answer.json) == (status, body)
    assert len(await versions(admin, built)) == 2


async def test_there_is_nothing_before_the_first_release(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/releases/rollback", {})
    assert (answer.status, answer.json) == (400, {"detail": "There is no earlier release to go back to from v1"})


@pytest.mark.parametrize("version", ["v99", "v0", "v" + "9" * 40])
async def test_a_release_that_there_is_not_is_not_found(admin: Client, app: str, version: str) -> None:
    answer = await admin("GET", f"{app}/releases/{version}")
    assert (answer.line, answer.json) == ("404 NOT FOUND", {"detail": "Not found"})
