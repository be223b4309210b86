"""Users' certificates."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog.testing

from services.controller.shapes import date
from tests.support.api import Answer, Api, Client
from tests.support.certificates import Made, make_certificate

UNIQUE = {"common_name": ["This field must be unique."]}
ANOTHERS = "Another user has it. Add the domain www.example.org to an app of yours first: it is yours then."
WILDCARD = "Wildcard certificates are not supported"
EXAMPLE = make_certificate("www.example.org", ["www.example.org", "example.org"])


async def add(client: Client, made: Made, **more: Any) -> Answer:
    return await client("POST", "/v1/certs", {"certificate": made.pem, "key": made.key, **more})


async def names(client: Client) -> list[str]:
    return [one["common_name"] for one in (await client("GET", "/v1/certs")).json["results"]]


async def test_a_certificate_looks_as_in_v1_and_tells_neither_itself_nor_its_key(admin: Client) -> None:
    answer = await add(admin, EXAMPLE)
    assert answer.line == "201 CREATED"
    v1 = ["id", "owner", "expires", "created", "updated", "common_name"]
    assert list(answer.json) == [*v1, "subject_alt_names", "fingerprint"]
    assert answer.json["expires"] == date(EXAMPLE.expires)
    assert answer.json["subject_alt_names"] == ["www.example.org", "example.org"]
    assert 0 <= answer.json["id"] < 2**31
    for path in ("/v1/certs/www.example.org", "/v1/certs/WWW.example.ORG/", "/v1/certs/www.example.org."):
        assert (await admin("GET", path)).json == answer.json
    page = await admin("GET", "/v1/certs")
    assert page.json["results"] == [answer.json]
    assert "BEGIN" not in page.text


async def test_a_key_is_kept_sealed_and_opens_for_its_name_only(api: Api, admin: Client) -> None:
    await add(admin, EXAMPLE)
    secret = EXAMPLE.key.splitlines()[1].encode()
    assert all(secret not in entry.value for entry in (await api.store.list("/deis/")).entries)
    (cert,) = [cert for _, cert in api.controller.picture.certs.mirror.items()]
    assert api.controller.vault.unseal_text("cert:www.example.org", cert.key) == EXAMPLE.key


async def test_neither_what_is_taken_nor_what_is_refused_comes_into_the_log(admin: Client) -> None:
    other = make_certificate("www.example.org")
    with structlog.testing.capture_logs() as logged:
        await add(admin, EXAMPLE)
        refused = await add(admin, Made(EXAMPLE.pem, other.key, EXAMPLE.expires))
        twisted = await admin("POST", "/v1/certs", {"certificate": EXAMPLE.key, "key": EXAMPLE.pem})
    assert [entry["event"] for entry in logged] == ["certificate added"]
    for secret in (EXAMPLE.key.splitlines()[1], other.key.splitlines()[1]):
        assert secret not in f"{logged}{refused.text}{twisted.text}"


async def test_the_chain_is_kept_in_its_order(api: Api, admin: Client) -> None:
    issuer, root = make_certificate("Issuer"), make_certificate("Root")
    body = {"certificate": f"leaf\n{EXAMPLE.pem}{issuer.pem}\n{root.pem}", "key": EXAMPLE.key}
    assert (await admin("POST", "/v1/certs", body)).status == 201
    cert = api.controller.picture.certs.mirror.get("www.example.org")
    assert cert is not None
    assert cert.certificate == EXAMPLE.pem + issuer.pem + root.pem


async def test_a_name_may_be_asked_for_and_is_kept_in_one_form(admin: Client) -> None:
    wildcard = make_certificate("*.example.org")
    assert (await add(admin, wildcard, common_name="Shop.Example.ORG.")).json["common_name"] == "shop.example.org"
    assert (await add(admin, wildcard, common_name="blog.example.org")).status == 201
    assert (await add(admin, make_certificate("WWW.Example.Org"), common_name="")).status == 201
    assert await names(admin) == ["blog.example.org", "shop.example.org", "www.example.org"]


async def test_a_wildcards_name_is_refused_whether_it_is_asked_for_or_not(admin: Client) -> None:
    for more in ({}, {"common_name": "*.example.org"}):
        answer = await add(admin, make_certificate("*.example.org"), **more)
        assert answer.line == "400 BAD REQUEST"
        assert answer.json["common_name"][0] == WILDCARD
        assert "--common-name=www.example.org" in answer.json["common_name"][1]
    assert await names(admin) == []


async def test_a_name_has_one_certificate_whoever_asks(admin: Client) -> None:
    other = await admin.joined("other")
    assert (await add(admin, EXAMPLE)).status == 201
    again, foreign = [await add(client, make_certificate("WWW.example.org")) for client in (admin, other)]
    assert (again.line, again.json) == ("400 BAD REQUEST", UNIQUE)
    assert foreign.line == "400 BAD REQUEST"
    assert foreign.json == {"common_name": [*UNIQUE["common_name"], ANOTHERS]}
    assert (await admin("DELETE", "/v1/certs/www.example.org")).line == "204 NO CONTENT"
    assert (await add(other, EXAMPLE)).status == 201


async def test_of_two_that_come_at_once_for_one_name_one_stays(admin: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(add(admin, make_certificate("www.example.org"))) for _ in range(4)]
    assert sorted(task.result().status for task in tasks) == [201, 400, 400, 400]


async def test_others_certificates_are_not_found(admin: Client) -> None:
    other = await admin.joined("other")
    await add(admin, EXAMPLE)
    assert await names(other) == []
    for method in ("GET", "DELETE"):
        answer = await other(method, "/v1/certs/www.example.org")
        assert (answer.line, answer.json) == ("404 NOT FOUND", {"detail": "Not found"})
    assert await names(admin) == ["www.example.org"]
    for path in ("nope", "%2e%2e", "a%2Fb", "%00"):
        assert (await admin("GET", f"/v1/certs/{path}")).line == "404 NOT FOUND"


async def test_names_that_others_are_reached_at_are_not_to_be_had(admin: Client, app: str) -> None:
    other = await admin.joined("other")
    assert (await admin("POST", f"{app}/domains", {"domain": "shop.example.org"})).status == 201
    taken = await add(other, EXAMPLE, common_name="Shop.example.org")
    assert taken.line == "403 FORBIDDEN"
    assert taken.json == {"detail": "The domain shop.example.org is already in use by another app"}
    for name in ("deis.example.net", "hello.example.net", "example.net", "free.example.net"):
        assert (await add(other, EXAMPLE, common_name=name)).line == "403 FORBIDDEN"
    assert await names(other) == []
    for name in ("shop.example.org", "deis.example.net"):
        assert (await add(admin, EXAMPLE, common_name=name)).status == 201


async def test_names_of_ones_own_apps_are_to_be_had(admin: Client) -> None:
    other = await admin.joined("other")
    assert (await other("POST", "/v1/apps", {"id": "mine"})).status == 201
    assert (await other("POST", "/v1/apps/mine/domains", {"domain": "shop.example.org"})).status == 201
    for name in ("shop.example.org", "mine.example.net"):
        assert (await add(other, EXAMPLE, common_name=name)).status == 201


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"key": EXAMPLE.key}, "certificate", "This field is required."),
        ({"certificate": EXAMPLE.pem}, "key", "This field is required."),
        ({"certificate": "", "key": EXAMPLE.key}, "certificate", "This field may not be blank."),
        ({"certificate": "x", "key": EXAMPLE.key}, "certificate", "Could not load certificate: "),
        ({"certificate": EXAMPLE.pem, "key": "x"}, "key", "Could not load key: "),
        (
            {"certificate": EXAMPLE.pem, "key": "x" * 16385},
            "key",
            "Ensure this field has no more than 16384 characters.",
        ),
        ({"certificate": EXAMPLE.pem, "key": make_certificate("a").key}, "key", "The key does not belong"),
        (
            {"certificate": EXAMPLE.pem, "key": EXAMPLE.key, "common_name": "a b"},
            "common_name",
            "Hostname does not look",
        ),
        ({"certificate": EXAMPLE.pem, "key": EXAMPLE.key, "common_name": [1]}, "common_name", "Not a valid string."),
    ],
)
async def test_a_bad_certificate_is_refused_by_field(
    admin: Client, body: dict[str, Any], field: str, said: str
) -> None:
    answer = await admin("POST", "/v1/certs", body)
    assert answer.line == "400 BAD REQUEST"
    assert list(answer.json) == [field]
    assert answer.json[field][0].startswith(said)
    assert await names(admin) == []


async def test_certificates_are_nobodys_without_a_token(api: Api) -> None:
    one = "/v1/certs/a"
    for method, path in (("GET", "/v1/certs"), ("POST", "/v1/certs"), ("GET", one), ("DELETE", one)):
        assert (await api.client(method, path)).line == "401 UNAUTHORIZED"
