"""The settings of the platform's directory: shown but for the password, which is sealed, and refused by name."""

from __future__ import annotations

import pytest

from libs.keyspace.records import PlatformSetting
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.support.api import Api, Client

SETTINGS = "/v1/admin/settings"
CHOSEN = {
    "ldap_endpoint": "ldaps://ldap.example.org",
    "ldap_bind_dn": "cn=deis,dc=example,dc=org",
    "ldap_bind_password": "s3cr3t",
    "ldap_user_basedn": "ou=people,dc=example,dc=org",
    "ldap_user_filter": "sAMAccountName",
    "ldap_start_tls": "false",
}


async def test_the_password_is_sealed_and_never_shown(
    api: Api, admin: Client, store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await admin("POST", SETTINGS, {"settings": CHOSEN})
    assert answer.status == 201
    wanted = {**CHOSEN, "ldap_bind_password": "***", "ldap_ca": "", "registration_mode": "enabled"}
    assert answer.json["settings"] == wanted
    shown = await admin("GET", SETTINGS)
    assert shown.json["settings"] == wanted
    assert "s3cr3t" not in answer.text + shown.text + "".join(capsys.readouterr())
    held = {entry.key: entry.value for entry in (await store.list("/deis/")).entries}
    assert not any(b"s3cr3t" in value for value in held.values())
    stored = await Shelf(store, api.controller.keyspace.platform).get("ldap_bind_password")
    assert stored is not None
    sealed = stored.document.value
    assert isinstance(sealed, str)
    assert api.controller.vault.unseal_text("platform:ldap_bind_password", sealed) == "s3cr3t"  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [None, ""])
async def test_each_goes_back_to_its_default(admin: Client, nothing: str | None) -> None:
    before = (await admin("GET", SETTINGS)).json
    assert before["settings"] == before["defaults"]
    await admin("POST", SETTINGS, {"settings": CHOSEN})
    assert (await admin("POST", SETTINGS, {"settings": dict.fromkeys(CHOSEN, nothing)})).json == before


async def test_what_does_not_fit_is_refused_by_name_and_the_password_not_repeated(admin: Client) -> None:
    bad = {"ldap_endpoint": "http://x", "ldap_bind_password": "s3cr3t\n", "ldap_start_tls": True}
    answer = await admin("POST", SETTINGS, {"settings": bad})
    assert (answer.status, answer.json) == (
        400,
        {
            "settings": [
                'ldap_endpoint: "http://x"; it must be a URL as ldaps://ldap.example.org or ldap://10.0.0.5:389',
                'ldap_bind_password: "***"; it must be the password of ldap_bind_dn',
                "ldap_start_tls: true; it must be true or false, or null for the default",
            ]
        },
    )


async def test_another_directory_is_not_shown_the_password_of_the_one_before(admin: Client) -> None:
    await admin("POST", SETTINGS, {"settings": CHOSEN})
    there = {"ldap_endpoint": "ldap://elsewhere.example.org"}
    answer = await admin("POST", SETTINGS, {"settings": there})
    said = "ldap_endpoint: another directory needs ldap_bind_password with it, or null for none"
    assert (answer.status, answer.json) == (400, {"settings": [said]})
    assert (await admin("POST", SETTINGS, {"settings": {**there, "ldap_bind_password": None}})).status == 201


async def test_what_somebody_wrote_by_hand_and_is_none_is_as_if_not_there(
    api: Api, admin: Client, store: MemoryStore
) -> None:
    shelf, platform = Shelf(store, api.controller.keyspace.platform), api.controller.picture.platform
    for name, junk in {"ldap_endpoint": "nowhere", "ldap_start_tls": ["junk"], "ldap_user_filter": "*)("}.items():
        await platform.reach(await shelf.put(PlatformSetting(value=junk), name))
    answer = (await admin("GET", SETTINGS)).json
    assert answer["settings"] == answer["defaults"]
    assert (answer["settings"]["ldap_start_tls"], answer["settings"]["ldap_user_filter"]) == ("true", "uid")
