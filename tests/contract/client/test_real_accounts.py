"""The command's accounts, keys, certificates and settings, and the controller's own API: they must mean the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from libs.store.drivers.memory import MemoryStore
from tests.contract.client.conftest import Deis
from tests.support.api import Api, running_api
from tests.support.certificates import make_certificate

PASSWORD = "opensesame"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(MemoryStore(), tmp_path / "platform") as running:
        yield running


async def registered(home: Path, api: Api, name: str) -> Deis:
    """The command in a home of its own, with a new user logged in."""
    directory = home / name
    directory.mkdir()
    url = api.client.url.replace("127.0.0.1", "deis.localhost")
    deis = Deis(directory, directory, url)
    await deis("register", url, "--username", name, "--password", PASSWORD, "--email", f"{name}@example.com")
    return deis


@pytest.fixture
async def ada(tmp_path: Path, api: Api) -> Deis:
    """The platform's first user, and so its administrator."""
    return await registered(tmp_path, api, "ada")


@pytest.fixture
async def bob(tmp_path: Path, api: Api, ada: Deis) -> Deis:
    return await registered(tmp_path, api, "bob")


def public_key(comment: str = "") -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return f"{key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {comment}".strip()


async def test_keys_come_and_go(ada: Deis) -> None:
    public = public_key("ada@laptop")
    (ada.directory / "id.pub").write_text(f"{public}\n")
    assert (await ada("keys:add", "id.pub")).out == "Uploading id.pub to deis... done\n"
    assert (await ada("keys")).out == f"=== ada Keys\nada@laptop {public[:16]}...ada@laptop\n"
    told = await ada("keys:add", "id.pub", status=1)
    assert "(400 BAD REQUEST)" in told.err
    told = await ada("keys:add", "id.pub", "--id", "other", status=1)
    assert "public: This field must be unique." in told.err
    assert "This key is there already" in told.err
    (ada.directory / "desk.pub").write_text(public_key())
    shown = json.loads((await ada("keys:add", "desk.pub", "--id", "a/desk @home", "--json")).out)
    assert shown["id"] == "a/desk @home"
    assert (await ada("keys:remove", "a/desk @home")).out == "Removing a/desk @home SSH Key... done\n"
    assert (await ada("keys:remove", "ada@laptop")).out == "Removing ada@laptop SSH Key... done\n"
    assert (await ada("keys")).out == "=== ada Keys\n"
    assert "key ada@laptop was not found (404 NOT FOUND)" in (await ada("keys:remove", "ada@laptop", status=1)).err


async def test_certificates_come_and_go(ada: Deis) -> None:
    made = make_certificate("www.example.com", ["www.example.com", "a.example.com"])
    (ada.directory / "www.crt").write_text(made.pem)
    (ada.directory / "www.key").write_text(made.key)
    assert (await ada("certs")).out == "No certs\n"
    assert (await ada("certs:add", "www.crt", "www.key")).out == "Adding SSL endpoint... done\n"
    expires = made.expires.strftime("%Y-%m-%dT%H:%M:%SUTC")
    row = f"{'www.example.com':<20}{expires}"
    table = f"Common Name         Expires\n---------------     ----------------------\n{row}\n"
    assert (await ada("certs")).out == table
    told = await ada("certs:add", "www.crt", "www.key", status=1)
    assert "(400 BAD REQUEST)" in told.err
    assert "must be unique" in told.err
    await ada("certs:add", "www.crt", "www.key", "--subject-alt-names", "a.example.com")
    assert [cert["common_name"] for cert in await ada.json("certs")] == ["a.example.com", "www.example.com"]
    other = make_certificate("b.example.com")
    (ada.directory / "other.key").write_text(other.key)
    assert "(400 BAD REQUEST)" in (await ada("certs:add", "www.crt", "other.key", status=1)).err
    assert (await ada("certs:remove", "www.example.com")).out == "Removing www.example.com... done\n"
    told = await ada("certs:remove", "www.example.com", status=1)
    assert told.err == (
        "Error: certificate www.example.com was not found (404 NOT FOUND)\nSee `deis certs` for what there is.\n"
    )


async def test_an_app_is_shared_and_what_that_does_not_allow_is_explained(ada: Deis, bob: Deis) -> None:
    await ada("create", "paper")
    app = ("-a", "paper")
    told = await bob("info", *app, status=1)
    assert told.err.splitlines() == [
        "Error: You do not have permission to perform this action. (403 FORBIDDEN)",
        "The app paper is another's. Its owner can share it with you: `deis perms:create bob -a paper`.",
    ]
    assert (await ada("perms:create", "bob", *app)).out == "Adding bob to paper collaborators... done\n"
    assert (await ada("sharing", *app)).out == "=== paper's Users\nbob\n"
    assert (await bob("info", *app)).out.startswith("=== paper Application\n")
    told = await bob("destroy", *app, "--confirm=paper", status=1)
    assert told.err.splitlines()[1] == "The app paper is ada's: only ada or an administrator may do this."
    assert (await bob("sharing:remove", "bob", *app)).out == "Removing bob from paper collaborators... done\n"
    told = await ada("perms:delete", "bob", *app, status=1)
    assert told.err.splitlines()[1:] == ["Is bob one of them? `deis perms -a paper` lists whom it is shared with."]
    told = await ada("perms:create", "nobody", *app, status=1)
    assert "user nobody, or app paper itself, was not found" in told.err


async def test_administrators_are_made_and_unmade(ada: Deis, bob: Deis) -> None:
    assert (await bob("users", status=1)).err.endswith("Only an administrator may do this.\n")
    assert (await ada("users")).out == "=== Users\nada\nbob\n"
    assert (await ada("perms:create", "bob", "--admin")).out == "Adding bob to system administrators... done\n"
    assert (await bob("perms", "--admin")).out == "=== Administrators\nada\nbob\n"
    assert (await bob("perms:delete", "bob", "--admin")).out == "Removing bob from system administrators... done\n"
    assert (await ada("perms:list", "--admin")).out == "=== Administrators\nada\n"
    assert "user nobody was not found" in (await ada("perms:delete", "nobody", "--admin", status=1)).err


async def test_tokens_come_and_go(ada: Deis, api: Api) -> None:
    told = await ada("tokens:create", "ci")
    secret = told.out.splitlines()[1]
    assert told.out == f"Creating token ci... done\n{secret}\n"
    rows = [line.split("\t") for line in (await ada("tokens")).out.splitlines()[1:]]
    assert [row[1] for row in rows] == ["ci", ""]
    assert rows[1][-1] == "this login"
    assert "token ci is taken" in (await ada("tokens:create", "ci", status=1)).err
    laptop = ada.profile.read_text()
    ada.log_in(token=secret)
    assert (await ada("apps")).out == "=== Apps\n"
    assert (await ada("logout")).out == "Logged out\n"
    ada.log_in(token=secret)
    assert "(401 UNAUTHORIZED)" in (await ada("apps", status=1)).err
    ada.profile.write_text(laptop)
    assert [token["name"] for token in await ada.json("tokens")] == [""]
    await ada("tokens:create", "ci")
    assert (await ada("tokens:revoke", "ci")).out == "Revoking token ci... done\n"
    assert (await ada("auth:regenerate")).out == "Token Regenerated\n"
    assert (await ada("apps")).out == "=== Apps\n"
    ada.profile.write_text(laptop)
    assert "(401 UNAUTHORIZED)" in (await ada("apps", status=1)).err


async def test_an_administrator_sees_and_ends_anothers_tokens(ada: Deis, bob: Deis) -> None:
    await bob("tokens:create", "ci")
    rows = (await ada("tokens", "-u", "bob")).out.splitlines()
    assert rows[0] == "=== bob Tokens"
    assert len(rows) == 3
    assert (await ada("tokens:revoke", "ci", "-u", "bob")).out == "Revoking token ci... done\n"
    assert (await bob("tokens", "-u", "ada", status=1)).err.endswith("Only an administrator may do this.\n")
    assert (await ada("auth:regenerate", "-u", "bob")).out == "Token Regenerated\n"
    assert "(401 UNAUTHORIZED)" in (await bob("apps", status=1)).err
    assert (await ada("auth:regenerate", "--all")).out == "Token Regenerated\n"
    assert "(401 UNAUTHORIZED)" in (await ada("apps", status=1)).err


async def test_accounts_are_cancelled(ada: Deis, bob: Deis) -> None:
    await bob("create", "ink")
    told = await bob("auth:cancel", "--password", PASSWORD, "--yes", status=1)
    assert "bob still has applications assigned. Delete or transfer ownership (409 CONFLICT)" in told.err
    assert len(await bob.json("tokens")) == 1
    await bob("apps:transfer", "ada", "-a", "ink")
    assert (await bob("auth:cancel", "--password", PASSWORD, "--yes")).out.endswith("\nAccount cancelled\n")
    assert not bob.profile.exists()
    assert (await ada("users")).out == "=== Users\nada\n"
    told = await bob("login", ada.controller, "--username", "bob", "--password", PASSWORD, status=1)
    assert "Unable to log in with provided credentials." in told.err


async def test_who_may_register_is_a_setting(ada: Deis, bob: Deis) -> None:
    assert (await ada("platform")).out == "=== Platform Settings\nregistration\tenabled\tenabled\n"
    told = await ada("platform:set", "registration=admin_only")
    assert told.out.endswith("\n=== Platform Settings\nregistration\tadmin_only\tenabled\n")
    account = ("--username", "eve", "--password", PASSWORD, "--email", "")
    told = await bob("register", ada.controller, *account, status=1)
    assert told.err.startswith("Error: Registration failed: ")
    assert told.err.endswith("An administrator of " + ada.controller + " can register you, while logged in there.\n")
    assert (await bob("platform", status=1)).err.endswith("Only an administrator may do this.\n")
    assert (await ada("platform:unset", "registration")).out.endswith("registration\tenabled\tenabled\n")
    assert (await bob("register", ada.controller, *account)).out == "Registered eve\nLogged in as eve\n"
    for wrong in ("registration=maybe", "nonsense=1"):
        assert "(400 BAD REQUEST)" in (await ada("platform:set", wrong, status=1)).err


async def test_the_directory_is_set_and_its_password_not_shown(ada: Deis) -> None:
    ca = make_certificate("ca").pem
    chosen = ("ldap-endpoint=ldaps://ldap.example.org", "ldap-bind-password=s3cr3t=", f"ldap-ca={ca}")
    told = await ada("platform:set", *chosen, "ldap-user-filter=cn")
    assert told.out.endswith(
        "\n=== Platform Settings\nldap-bind-dn\t\t\nldap-bind-password\t***\t\n"
        "ldap-ca\t-----BEGIN CERTIFICATE-----…\t\nldap-endpoint\tldaps://ldap.example.org\t\n"
        "ldap-start-tls\ttrue\ttrue\nldap-user-basedn\t\t\nldap-user-filter\tcn\tuid\nregistration\tenabled\tenabled\n"
    )
    assert "s3cr3t" not in (await ada("platform", "--json")).out + told.out + told.err
    names = [text.partition("=")[0] for text in (*chosen, "ldap-user-filter=")]
    assert (await ada("platform:unset", *names)).out.endswith("Settings\nregistration\tenabled\tenabled\n")
    told = await ada("platform:set", "ldap-bind-password=s3cr3t\n", status=1)
    assert "(400 BAD REQUEST)" in told.err
    assert "s3cr3t" not in told.err


async def test_failed_logins_are_told_when_to_be_tried_again(ada: Deis) -> None:
    account = ("--username", "ada", "--password", "wrong")
    told = await ada("login", ada.controller, *account, status=1)
    while "429" not in told.err:
        assert "(400 BAD REQUEST)" in told.err
        told = await ada("login", ada.controller, *account, status=1)
    assert "(429 TOO MANY REQUESTS)" in told.err
    assert told.err.splitlines()[-1].startswith("Run the command again in ")
