"""v1's own, unmodified client against this platform: what its users and their scripts do."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.conftest import IMAGE
from tests.support.certificates import make_certificate
from tests.support.platform import Platform
from tests.support.v1_client import Said, V1Client, translated


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return await translated(tmp_path_factory.mktemp("v1"))


@pytest.fixture
def name() -> str:
    """The user's, and the beginning of what is the user's."""
    return f"user{secrets.token_hex(3)}"


@pytest.fixture
def url(deis_platform: Platform) -> str:
    """Where the controller is, behind the router."""
    return f"http://deis.localhost:{deis_platform.settings.router_http_port}"


@pytest_asyncio.fixture
async def v1(deis_platform: Platform, program: Path, tmp_path: Path, name: str, url: str) -> AsyncIterator[V1Client]:
    """A user who registered with v1's client; the account is cancelled afterwards, with all its apps."""
    client = V1Client(program, tmp_path, deis_platform.environment)
    said = await client("register", url, f"--username={name}", "--password=pw", f"--email={name}@example.com")
    assert said.text == f"Registered {name}\nLogged in as {name}\n"
    assert said.api == "1.7"
    yield client
    for app in names_in(await client("apps")):
        await client("destroy", "-a", app, f"--confirm={app}")
    cancelled = await client("auth:cancel", f"--username={name}", "--password=pw", "--yes")
    assert "Account cancelled" in cancelled.text


@pytest_asyncio.fixture
async def app(v1: V1Client, name: str) -> str:
    """An app of the user without a build."""
    app = f"{name}-app"
    created = await v1("create", app, "--no-remote")
    assert f"done, created {app}" in created.text
    return app


def public_key() -> str:
    """An SSH key of a type that v1's client knows."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return made.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def names_in(said: Said) -> list[str]:
    """What a listing lists below its heading."""
    return [line for line in said.text.splitlines() if line and not line.startswith("===")]


def release_in(said: Said) -> str:
    """The release that `done, vN` names."""
    found = re.search(r"done, (v\d+)", said.text)
    assert found is not None, said.text
    return found[1]


async def test_an_account_is_used_as_ever(v1: V1Client, name: str, url: str) -> None:
    assert f"You are {name} at http" in (await v1("whoami")).text
    assert "Password change succeeded." in (await v1("passwd", "--password=pw", "--new-password=pw2")).text
    refused = await v1("passwd", "--password=wrong", "--new-password=pw3", status=1)
    assert "Current password does not match" in refused.text
    assert "Password change succeeded." in (await v1("passwd", "--password=pw2", "--new-password=pw")).text
    assert (await v1("users", status=1)).text.startswith("403 FORBIDDEN")
    assert (await v1("auth:regenerate")).text == "Token regenerated.\n"
    ended = await v1("apps", status=1)  # that client keeps the old token: it looks for its options in the wrong place
    assert ended.text.startswith("401 UNAUTHORIZED")
    assert (await v1("login", url, f"--username={name}", "--password=pw")).text == f"Logged in as {name}\n"
    assert (await v1("apps")).text.strip() == "=== Apps"
    assert "apps:create" in (await v1("shortcuts")).text


async def test_an_app_is_deployed_scaled_configured_and_rolled_back(v1: V1Client, app: str) -> None:
    assert "done" in (await v1("pull", f"{IMAGE}:v1", "-a", app)).text
    assert "cmd.1 up (v2)" in (await v1("ps", "-a", app)).text
    scaled = await v1("scale", "cmd=2", "-a", app)
    assert scaled.text.startswith("Scaling processes... but first, coffee!\ndone in ")
    assert "cmd.2 up (v2)" in scaled.text
    restarted = await v1("ps:restart", "cmd.1", "-a", app)
    assert "cmd.1 up (v2)" in restarted.text
    assert release_in(await v1("config:set", "POWERED_BY=v1", "SECOND=two words", "-a", app)) == "v3"
    listed = (await v1("config", "-a", app)).text
    assert re.search(r"^POWERED_BY +v1$", listed, re.MULTILINE), listed
    assert release_in(await v1("config:unset", "SECOND", "-a", app)) == "v4"
    await v1("limits:set", "cmd=64M", "-a", app)
    assert re.search(r"^cmd +64M$", (await v1("limits", "-a", app)).text, re.MULTILINE)
    rolled = await v1("rollback", "v3", "-a", app)
    assert release_in(rolled) == "v6"
    releases = [line.split(None, 1)[0] for line in names_in(await v1("releases", "-a", app))]
    assert releases == ["v6", "v5", "v4", "v3", "v2", "v1"]
    assert "rolled back to v3" in (await v1("releases:info", "v6", "-a", app)).text
    shown = (await v1("apps:info", "-a", app)).text
    assert f"=== {app} Application" in shown
    assert "cmd.1 up (v6)" in shown
    assert len(names_in(await v1("builds", "-a", app))) == 1


async def test_a_command_runs_once_with_its_own_exit_code(v1: V1Client, app: str) -> None:
    await v1("config:set", "GREETING=hello from config", "-a", app)
    await v1("pull", f"{IMAGE}:v1", "-a", app)
    said = await v1("run", "echo", "$GREETING", "-a", app)
    assert said.text == "Running `echo $GREETING`...\nhello from config\n"
    said = await v1("run", "exit 7", "-a", app, status=7)
    assert said.text == "Running `exit 7`...\n"


async def test_what_cannot_be_is_refused_in_v1s_words(v1: V1Client, app: str) -> None:
    assert "No build associated with this release" in (await v1("scale", "cmd=2", "-a", app, status=1)).text
    assert "This field must be unique." in (await v1("create", app, "--no-remote", status=1)).text
    assert "App IDs can only contain [a-z0-9-]." in (await v1("create", "No_Good", "--no-remote", status=1)).text
    assert (await v1("info", "-a", "no-such-app", status=1)).text.startswith("404 NOT FOUND")
    assert "does not look valid" in (await v1("domains:add", "bad--name.example.com", "-a", app, status=1)).text
    assert "Limit format" in (await v1("limits:set", "cmd=lots", "-a", app, status=1)).text


async def test_domains_certificates_and_keys_are_kept(v1: V1Client, app: str, name: str, tmp_path: Path) -> None:
    domain = f"www.{name}.example.com"
    assert "done" in (await v1("domains:add", domain, "-a", app)).text
    assert names_in(await v1("domains", "-a", app)) == [domain]
    certificate = make_certificate(domain)
    (tmp_path / "a.crt").write_text(certificate.pem)
    (tmp_path / "a.key").write_text(certificate.key)
    assert "done" in (await v1("certs:add", "a.crt", "a.key")).text
    assert domain in (await v1("certs")).text
    assert "Done." in (await v1("certs:remove", domain)).text
    assert domain not in (await v1("certs")).text
    assert "done" in (await v1("domains:remove", domain, "-a", app)).text
    (tmp_path / "id.pub").write_text(f"{public_key()} {name}@laptop\n")
    assert "done" in (await v1("keys:add", "id.pub")).text
    assert f"{name}@laptop" in (await v1("keys")).text
    assert "done" in (await v1("keys:remove", f"{name}@laptop")).text


async def test_an_app_is_shared_and_given_away(v1: V1Client, deis_platform: Platform, app: str, name: str) -> None:
    assert "done" in (await v1("perms:create", "ada", "-a", app)).text
    assert json.loads((await v1("perms", "-a", app)).text) == {"users": ["ada"]}
    assert "done" in (await v1("perms:delete", "ada", "-a", app)).text
    assert (await v1("perms:create", "nobody-there", "-a", app, status=1)).text.count("404 NOT FOUND") == 1
    await deis_platform.deis("apps:transfer", "ada", "-a", app)  # that client could not yet
    assert app not in names_in(await v1("apps"))
    await deis_platform.deis("destroy", "-a", app, f"--confirm={app}")
