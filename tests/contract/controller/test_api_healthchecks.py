"""Probes: a part of the config, with a resource of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.api import Api, Client

NUMBERS = {"periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
READY: dict[str, Any] = {"httpGet": {"path": "/healthz", "expectedStatus": 204}, "periodSeconds": 2}
ALIVE: dict[str, Any] = {"exec": {"command": ["test", "-f", "/alive"]}}


async def probes(client: Client, app: str, healthcheck: Any) -> Any:
    return await client("POST", f"{app}/healthchecks", {"healthcheck": healthcheck})


async def test_an_app_without_probes_tells_what_holds_all_the_same(admin: Client, built: str) -> None:
    answer = await admin("GET", f"{built}/healthchecks")
    assert answer.line == "200 OK"
    assert answer.json == {
        "app": "hello",
        "release": "v2",
        "healthcheck": {},
        "effective": {"cmd": {"readinessProbe": {"tcpSocket": {}, "initialDelaySeconds": 0, **NUMBERS}}},
    }


async def test_probes_make_a_release_that_is_out_when_they_are_answered(admin: Client, built: str) -> None:
    answer = await probes(admin, built, {"cmd": {"readinessProbe": READY, "livenessProbe": ALIVE}})
    assert answer.line == "201 CREATED"
    assert answer.headers["Deis-Release"] == answer.headers["X-Deis-Release"] == "3"
    assert answer.json["release"] == "v3"
    assert answer.json["healthcheck"] == {"cmd": {"readinessProbe": READY, "livenessProbe": ALIVE}}
    assert answer.json["effective"]["cmd"] == {
        "readinessProbe": {**NUMBERS, "initialDelaySeconds": 0, **READY},
        "livenessProbe": {**NUMBERS, "initialDelaySeconds": 0, **ALIVE},
    }
    assert (await admin("GET", f"{built}/healthchecks")).json == answer.json
    release = (await admin("GET", f"{built}/releases/v3")).json
    assert release["summary"] == "admin added healthcheck cmd liveness, cmd readiness"
    assert (await admin("GET", f"{built}/events")).json["results"][0]["message"] == release["summary"]


async def test_probes_merge_one_by_one_and_null_deletes(admin: Client, app: str) -> None:
    await probes(
        admin, app, {"web": {"readinessProbe": READY, "livenessProbe": ALIVE}, "cmd": {"livenessProbe": ALIVE}}
    )
    answer = await probes(
        admin, app, {"web": {"readinessProbe": {"tcpSocket": {}}, "livenessProbe": None}, "cmd": None}
    )
    assert answer.json["healthcheck"] == {"web": {"readinessProbe": {"tcpSocket": {}}}}
    summary = (await admin("GET", f"{app}/releases/v3")).json["summary"]
    assert summary == "admin changed healthcheck web readiness, deleted healthcheck cmd liveness, web liveness"
    answer = await probes(admin, app, {"web": {"readinessProbe": None}, "nope": None})
    assert answer.json["healthcheck"] == {}


async def test_the_config_has_the_probes_and_takes_them_as_text_too(admin: Client, app: str) -> None:
    body = {"values": {"A": "1"}, "healthcheck": json.dumps({"web": {"readinessProbe": READY}})}
    answer = await admin("POST", f"{app}/config", body)
    assert answer.json["healthcheck"] == {"web": {"readinessProbe": READY}}
    summary = (await admin("GET", f"{app}/releases/v2")).json["summary"]
    assert summary == "admin added A and admin added healthcheck web readiness"
    await admin("POST", f"{app}/config", {"values": {"B": "1"}})
    assert (await admin("GET", f"{app}/config")).json["healthcheck"] == {"web": {"readinessProbe": READY}}
    form = await admin("POST", f"{app}/healthchecks", data={"healthcheck": '{"web": null}'})
    assert form.json["healthcheck"] == {}


async def test_going_back_brings_the_probes_back(admin: Client, built: str) -> None:
    await probes(admin, built, {"cmd": {"readinessProbe": READY}})
    await probes(admin, built, {"cmd": None})
    await admin("POST", f"{built}/releases/rollback", {"version": 3})
    shown = (await admin("GET", f"{built}/healthchecks")).json
    assert (shown["release"], shown["healthcheck"]) == ("v5", {"cmd": {"readinessProbe": READY}})


async def test_a_build_keeps_the_probes(admin: Client, built: str) -> None:
    await probes(admin, built, {"worker": {"livenessProbe": ALIVE}})
    await admin("POST", f"{built}/builds", {"image": "acme/hello:2", "procfile": {"web": "x", "worker": "y"}})
    shown = (await admin("GET", f"{built}/healthchecks")).json
    assert list(shown["effective"]) == ["cmd", "web", "worker"]
    assert list(shown["effective"]["worker"]) == ["readinessProbe", "livenessProbe"]


async def test_probes_that_do_not_come_up_are_not_kept(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/hello:1"] = "cmd.1 did not pass its check within 60 s"
    answer = await probes(admin, built, {"cmd": {"readinessProbe": READY}})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].startswith("cmd.1 did not pass its check")


async def test_v1s_values_hold_until_a_probe_is_set(admin: Client, app: str) -> None:
    values = {"HEALTHCHECK_URL": "/up", "HEALTHCHECK_TIMEOUT": "5"}
    await admin("POST", f"{app}/config", {"values": values})
    await admin("POST", f"{app}/builds", {"image": "a"})
    readiness = (await admin("GET", f"{app}/healthchecks")).json["effective"]["cmd"]["readinessProbe"]
    assert readiness["httpGet"] == {"path": "/up", "expectedStatus": "200-399"}
    assert readiness["timeoutSeconds"] == 5
    await probes(admin, app, {"cmd": {"readinessProbe": {"tcpSocket": {}}}})
    readiness = (await admin("GET", f"{app}/healthchecks")).json["effective"]["cmd"]["readinessProbe"]
    assert (readiness["tcpSocket"], readiness["timeoutSeconds"]) == ({}, 1)


@pytest.mark.parametrize("path", ["config", "healthchecks"])
@pytest.mark.parametrize(
    ("healthcheck", "said"),
    [
        (
            {"web": {"readinessProbe": {"tcpSocket": {}, "periodSeconds": 0}}},
            (
                "healthcheck.web.readinessProbe.periodSeconds: 0; "
                "it must be a number of seconds greater than 0 and at most 3600"
            ),
        ),
        (
            {"web": 1},
            "healthcheck.web: 1; it must be an object of startupProbe, readinessProbe, livenessProbe, or null",
        ),
        ([1], 'Expected a dictionary of items but got type "list".'),
        ("{", "Value must be valid JSON."),
        (
            {"worker": {"readinessProbe": {"tcpSocket": {}}}},
            (
                "healthcheck.worker.readinessProbe.tcpSocket.port: missing; "
                "it must be a number from 1 to 65535, as worker has no port of its own"
            ),
        ),
    ],
)
async def test_bad_probes_are_refused_and_change_nothing(
    admin: Client, app: str, path: str, healthcheck: Any, said: str
) -> None:
    answer = await admin("POST", f"{app}/{path}", {"healthcheck": healthcheck, "values": {"A": "1"}})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"healthcheck": [said]})
    assert (await admin("GET", f"{app}/releases")).json["count"] == 1


async def test_probes_must_be_named(admin: Client, app: str) -> None:
    assert (await admin("POST", f"{app}/healthchecks", {})).json == {"healthcheck": ["This field is required."]}
    assert (await probes(admin, app, None)).json == {"healthcheck": ["This field may not be null."]}


async def test_probes_that_are_too_many_are_refused(admin: Client, app: str) -> None:
    large = {"exec": {"command": ["x" * 40_000]}}
    assert (await probes(admin, app, {"web": {"livenessProbe": large}})).status == 201
    answer = await probes(admin, app, {"cmd": {"livenessProbe": large}})
    assert answer.line == "400 BAD REQUEST"
    assert answer.json["healthcheck"][0].endswith("all probes together must be at most 65536")


async def test_only_who_may_use_an_app_sees_and_sets_its_probes(api: Api, admin: Client, built: str) -> None:
    stranger = await api.client.joined("stranger")
    for method, body in (("GET", None), ("POST", {"healthcheck": {"cmd": None}})):
        assert (await api.client(method, f"{built}/healthchecks", body)).line == "401 UNAUTHORIZED"
        assert (await stranger(method, f"{built}/healthchecks", body)).line == "403 FORBIDDEN"
    assert (await admin("GET", f"{built}/releases")).json["count"] == 2
