"""An app's settings: merged, bounded, told, and no release."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.api import Answer, Api, Client

DEFAULTS = {
    "startup_limit_seconds": 60,
    "drain_seconds": 30,
    "drain_websocket_seconds": 300,
    "stop_grace_seconds": 10,
    "response_timeout_seconds": None,
    "surge": None,
    "parallel": None,
}


async def choose(client: Client, app: str, **settings: Any) -> Answer:
    return await client("POST", f"{app}/settings", {"settings": settings})


async def test_settings_show_what_holds_and_the_defaults(admin: Client, app: str) -> None:
    answer = await admin("GET", f"{app}/settings")
    assert answer.line == "200 OK"
    assert answer.json == {"app": "hello", "settings": DEFAULTS, "defaults": DEFAULTS}


async def test_settings_merge_and_null_puts_the_default_back(admin: Client, app: str) -> None:
    answer = await choose(admin, app, drain_seconds=60, surge=2, parallel="3", stop_grace_seconds="2.5")
    chosen = {"drain_seconds": 60, "surge": "2", "parallel": 3, "stop_grace_seconds": 2.5}
    assert answer.line == "201 CREATED"
    assert answer.json == {"app": "hello", "settings": {**DEFAULTS, **chosen}, "defaults": DEFAULTS}
    answer = await choose(admin, app, surge=None, drain_seconds=None, response_timeout_seconds=30)
    kept = {"parallel": 3, "stop_grace_seconds": 2.5, "response_timeout_seconds": 30}
    assert answer.json["settings"] == {**DEFAULTS, **kept}
    assert (await admin("GET", f"{app}/settings")).json == answer.json


async def test_a_change_of_settings_is_told_and_makes_no_release(admin: Client, built: str) -> None:
    await choose(admin, built, drain_seconds=60, surge="50%")
    await choose(admin, built, surge=None)
    await choose(admin, built, drain_seconds=60)  # changes nothing
    await choose(admin, built)
    events = (await admin("GET", f"{built}/events")).json["results"]
    told = [(one["kind"], one["message"]) for one in events][:3]
    assert told == [
        ("settings", "admin set surge=default"),
        ("settings", "admin set drain_seconds=60, surge=50%"),
        ("released", "admin deployed acme/hello:1"),
    ]
    assert (await admin("GET", f"{built}/releases")).json["count"] == 2


async def test_a_change_of_settings_waits_for_no_rollout(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    assert (await choose(admin, built, parallel=1)).status == 201


async def test_settings_at_once_are_all_kept(admin: Client, app: str) -> None:
    names = ["startup_limit_seconds", "drain_seconds", "drain_websocket_seconds", "stop_grace_seconds", "parallel"]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(choose(admin, app, **{name: 7})) for name in names]
    assert {task.result().status for task in tasks} == {201}
    shown = (await admin("GET", f"{app}/settings")).json["settings"]
    assert {name: shown[name] for name in names} == dict.fromkeys(names, 7)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("startup_limit_seconds", 0, "a number of seconds greater than 0 and at most 86400"),
        ("drain_seconds", -1, "a number of seconds from 0 to 86400"),
        ("drain_seconds", True, "a number of seconds from 0 to 86400"),
        ("drain_seconds", 10**400, "a number of seconds from 0 to 86400"),
        ("drain_websocket_seconds", "soon", "a number of seconds from 0 to 86400"),
        ("drain_websocket_seconds", 86401, "a number of seconds from 0 to 86400"),
        ("stop_grace_seconds", 3601, "a number of seconds from 0 to 3600"),
        ("stop_grace_seconds", [], "a number of seconds from 0 to 3600"),
        ("response_timeout_seconds", 0, "a whole number of seconds from 1 to 86400"),
        ("response_timeout_seconds", 1.5, "a whole number of seconds from 1 to 86400"),
        *(
            ("surge", value, 'a number of instances such as "2", a share of a type such as "50%", or "0": in place')
            for value in ("x", "-1", 1.5, "50 %", "1000%", "10000", "", "1\n", False)
        ),
        ("parallel", 0, "a whole number of instances from 1 to 1000"),
        ("parallel", 1.5, "a whole number of instances from 1 to 1000"),
        ("parallel", 1001, "a whole number of instances from 1 to 1000"),
    ],
)
async def test_a_bad_setting_is_named_and_nothing_is_changed(
    admin: Client, app: str, name: str, value: Any, right: str
) -> None:
    answer = await choose(admin, app, **{name: value, "drain_websocket_seconds": value if "web" in name else 1})
    assert answer.line == "400 BAD REQUEST"
    (said,) = answer.json["settings"]
    assert said.startswith(f"{name}: ")
    assert said.endswith(f"; it must be {right}, or null for the default")
    assert (await admin("GET", f"{app}/settings")).json["settings"] == DEFAULTS


async def test_an_unknown_setting_is_refused_with_those_that_there_are(admin: Client, app: str) -> None:
    answer = await choose(admin, app, colour="blue")
    known = ", ".join(DEFAULTS)
    said = f'colour: "blue"; there is no such setting; it must be one of {known}'
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"settings": [said]})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "This field is required."),
        ({"settings": None}, "This field may not be null."),
        ({"settings": [1]}, 'Expected a dictionary of items but got type "list".'),
        ({"settings": "{"}, "Value must be valid JSON."),
    ],
)
async def test_settings_must_be_an_object(admin: Client, app: str, body: Any, said: str) -> None:
    answer = await admin("POST", f"{app}/settings", body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"settings": [said]})


async def test_only_who_may_use_an_app_sees_and_changes_its_settings(api: Api, admin: Client, app: str) -> None:
    stranger = await api.client.joined("stranger")
    for method, body in (("GET", None), ("POST", {"settings": {"parallel": 1}})):
        assert (await api.client(method, f"{app}/settings", body)).line == "401 UNAUTHORIZED"
        assert (await stranger(method, f"{app}/settings", body)).line == "403 FORBIDDEN"
    assert (await admin("GET", f"{app}/settings")).json["settings"] == DEFAULTS
