"""Domains of apps."""

from __future__ import annotations

import asyncio

import pytest

from libs.store.shelf import Shelf
from tests.support.api import Api, Client

UNIQUE = {"domain": ["This field must be unique."]}


async def domains(client: Client, app: str) -> list[str]:
    return [one["domain"] for one in (await client("GET", f"{app}/domains")).json["results"]]


async def test_a_domain_looks_as_in_v1(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/domains", {"domain": "www.example.org"})
    assert answer.line == "201 CREATED"
    assert list(answer.json) == ["owner", "created", "updated", "app", "domain"]
    assert await domains(admin, app) == ["www.example.org"]


async def test_a_final_dot_is_taken_off_and_case_is_kept(admin: Client, app: str) -> None:
    await admin("POST", f"{app}/domains", {"domain": "UPPER.example.org."})
    assert await domains(admin, app) == ["UPPER.example.org"]
    refused = await admin("POST", f"{app}/domains", {"domain": "upper.EXAMPLE.org"})
    assert (refused.line, refused.json) == ("400 BAD REQUEST", UNIQUE)
    assert (await admin("DELETE", f"{app}/domains/upper.example.org")).line == "204 NO CONTENT"
    assert await domains(admin, app) == []


async def test_a_domain_is_one_apps(admin: Client, app: str) -> None:
    await admin("POST", "/v1/apps", {"id": "other"})
    both = [f"/v1/apps/{name}/domains" for name in ("hello", "other")]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(admin("POST", path, {"domain": "example.org"})) for path in both]
    assert sorted(task.result().status for task in tasks) == [201, 400]


async def test_a_taken_name_with_a_final_dot_is_refused_in_v1s_other_words(admin: Client, app: str) -> None:
    await admin("POST", f"{app}/domains", {"domain": "www.example.org"})
    refused = await admin("POST", f"{app}/domains", {"domain": "www.example.org."})
    message = "The domain www.example.org is already in use by another app"
    assert (refused.line, refused.json) == ("400 BAD REQUEST", {"domain": [message]})


async def test_an_internationalised_name_can_be_added(admin: Client, app: str) -> None:
    assert (await admin("POST", f"{app}/domains", {"domain": "xn--bcher-kva.example"})).status == 201


async def test_an_app_that_is_being_destroyed_gets_no_domain_that_a_later_one_would_inherit(
    api: Api, admin: Client, app: str
) -> None:
    api.deployer.holding = True
    await Shelf(api.store, api.controller.keyspace.apps).update(lambda a: a.changed(state="destroying"), "hello")
    assert (await admin("POST", f"{app}/domains", {"domain": "shop.example.org"})).line == "404 NOT FOUND"
    assert (await api.store.list("/deis/domains/")).entries == ()


async def test_another_apps_domain_is_not_found(admin: Client, app: str) -> None:
    await admin("POST", "/v1/apps", {"id": "other"})
    await admin("POST", "/v1/apps/other/domains", {"domain": "example.org"})
    for domain in ("example.org", "nope.example.org", "%2e%2e", "a%2Fb"):
        answer = await admin("DELETE", f"{app}/domains/{domain}")
        assert answer.line == "404 NOT FOUND"
    assert await domains(admin, "/v1/apps/other") == ["example.org"]


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("", "This field may not be blank."),
        (None, "This field may not be null."),
        ("*.example.org", "Adding a wildcard subdomain is currently not supported."),
        ("not valid", "Hostname does not look valid."),
        ("a\0b.example.org", "Null characters are not allowed."),
        ("x" * 256, "Ensure this field has no more than 255 characters."),
        (["example.org"], "Not a valid string."),
    ],
)
async def test_a_bad_domain_is_refused(admin: Client, app: str, domain: object, message: str) -> None:
    answer = await admin("POST", f"{app}/domains", {"domain": domain})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"domain": [message]})
    assert await domains(admin, app) == []


async def test_a_missing_domain_is_required(admin: Client, app: str) -> None:
    assert (await admin("POST", f"{app}/domains", {})).json == {"domain": ["This field is required."]}


@pytest.mark.parametrize(
    "name",
    ["deis.example.net", "DEIS-store.example.net", "other.example.net", "free.example.net", "a.hello.example.net."],
)
async def test_names_below_the_platforms_domain_are_not_to_be_had(admin: Client, app: str, name: str) -> None:
    answer = await admin("POST", f"{app}/domains", {"domain": name})
    message = "Names below example.net are the platform's own; this app's is hello.example.net."
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"domain": [message]})
    assert await domains(admin, app) == []


@pytest.mark.parametrize("name", ["example.net", "Example.NET."])
async def test_the_platforms_own_domain_is_not_to_be_had(admin: Client, app: str, name: str) -> None:
    answer = await admin("POST", f"{app}/domains", {"domain": name})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"domain": ["example.net is the platform's own domain."]})


async def test_an_apps_default_name_and_names_that_only_look_alike_can_be_added(admin: Client, app: str) -> None:
    for name in ("hello.example.net", "deis.example.org", "example.net.org", "notexample.net"):
        assert (await admin("POST", f"{app}/domains", {"domain": name})).status == 201
