"""The audit's lines: who did what to accounts and to the platform, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from services.controller.throttle import OF_ACCOUNT
from tests.support.api import Api, Client
from tests.support.certificates import make_certificate
from tests.support.ssh import make_public_key

LOGIN, TOKENS, PASSWD = "/v1/auth/login/", "/v1/auth/tokens/", "/v1/auth/passwd"
FROM = {"X-Forwarded-For": "192.0.2.7"}
Line = dict[str, Any]


def audit(logged: Any) -> list[Line]:
    return [{k: v for k, v in line.items() if k not in {"audit", "log_level"}} for line in logged if line.get("audit")]


def acts(logged: Any) -> list[tuple[str, str, str | None]]:
    return [(line["event"], line["by"], line.get("whom")) for line in audit(logged)]


@pytest.fixture
async def bob(admin: Client) -> Client:
    return await admin.joined("bob")


async def test_an_accounts_life_is_told_with_who_did_it_and_from_where(api: Api, admin: Client) -> None:
    new = {"username": "cy", "password": "opensesame"}
    with capture_logs() as logged:
        assert (await api.client("POST", "/v1/auth/register", new, headers=FROM)).status == 201
        cy = api.client.with_token((await api.client("POST", LOGIN, new, headers=FROM)).json["token"])
        assert (await api.client("POST", LOGIN, {**new, "password": "guessed"}, headers=FROM)).status == 400
        change = {"password": "guessed", "new_password": "sesameopen"}
        assert (await cy("POST", PASSWD, change)).status == 400
        assert (await admin("POST", PASSWD, {"username": "cy", "new_password": "sesameopen"})).status == 200
        assert (await admin("POST", "/v1/admin/perms", {"username": "cy"})).status == 201
        for _ in range(2):
            assert (await admin("DELETE", "/v1/admin/perms/cy")).status == 204
        assert (await admin("DELETE", "/v1/auth/cancel", {"username": "cy"})).status == 204
    assert acts(logged) == [
        ("registered", "cy", None),
        ("logged in", "cy", None),
        ("login refused", "cy", None),
        ("password refused", "cy", None),
        ("password set", "admin", "cy"),
        ("superuser made", "admin", "cy"),
        ("superuser unmade", "admin", "cy"),
        ("account cancelled", "admin", "cy"),
    ]
    assert {line["address"] for line in audit(logged)[:3]} == {"192.0.2.7"}
    assert {line["address"] for line in audit(logged)[3:]} == {"127.0.0.1"}
    for secret in ("opensesame", "sesameopen", "guessed", cy.token):
        assert secret not in str(logged)


async def test_tokens_are_told_by_their_ids_and_a_program_by_its_own(admin: Client, bob: Client) -> None:
    with capture_logs() as logged:
        made = (await bob("POST", TOKENS, {"name": "c\ni"})).json
        ci = bob.with_token(made["token"])
        assert (await ci("POST", "/v1/apps", {"id": "made"})).status == 201
        assert (await admin("DELETE", f"{TOKENS}{made['id']}")).status == 204
        assert (await admin("POST", TOKENS, {"username": "bob"})).status == 200
        assert (await admin("POST", TOKENS, {"all": True})).status == 200
    assert acts(logged) == [
        ("token made", "bob", None),
        ("app created", "bob", None),
        ("token ended", "admin", "bob"),
        ("tokens regenerated", "admin", "bob"),
        ("tokens of all ended", "admin", None),
    ]
    lines = audit(logged)
    assert lines[1]["by_token"] == f"{made['id']} c\\ni"
    assert [lines[at]["id"] for at in (0, 2)] == [made["id"]] * 2
    assert made["token"] not in str(logged)


async def test_a_pause_is_told_once_and_a_name_that_is_nobodys_never(api: Api, bob: Client) -> None:
    burst, period = OF_ACCOUNT
    with capture_logs() as logged:
        for _ in range(burst + 3):
            await api.client("POST", LOGIN, {"username": "bob", "password": "guessed"}, headers=FROM)
        await api.client("POST", LOGIN, {"username": "my-password", "password": "bob"}, headers=FROM)
    *refused, nobodys = audit(logged)
    assert len(refused) == burst
    assert all("pause_seconds" not in line for line in refused[:-1])
    assert 1 <= refused[-1]["pause_seconds"] <= period
    assert nobodys["by"] == "(no such account)"
    assert "my-password" not in str(logged)


async def test_keys_certificates_settings_and_apps_are_told(admin: Client, bob: Client) -> None:
    made, key = make_certificate("www.example.org"), make_public_key("bob@home")
    with capture_logs() as logged:
        assert (await bob("POST", "/v1/keys", {"id": "bob@home", "public": key})).status == 201
        assert (await bob("DELETE", "/v1/keys/bob@home")).status == 204
        assert (await bob("POST", "/v1/certs", {"certificate": made.pem, "key": made.key})).status == 201
        assert (await admin("DELETE", "/v1/certs/www.example.org")).status == 204
        assert (
            await admin("POST", "/v1/admin/settings", {"settings": {"registration_mode": "admin_only"}})
        ).status == 201
        assert (await bob("POST", "/v1/apps", {"id": "shop"})).status == 201
        assert (await bob("POST", "/v1/apps/shop", {"owner": "admin"})).status == 200
        assert (await admin("DELETE", "/v1/apps/shop")).status == 204
    assert acts(logged) == [
        ("key added", "bob", None),
        ("key removed", "bob", None),
        ("certificate added", "bob", None),
        ("certificate removed", "admin", "bob"),
        ("setting changed", "admin", None),
        ("app created", "bob", None),
        ("app transferred", "bob", "admin"),
        ("app destroyed", "admin", None),
    ]
