"""Asks for each operation of tokens, users, superusers, platform settings, collaborators and cancelled accounts."""

from __future__ import annotations

from tests.support.contract import Checked

TOKENS = "/v1/auth/tokens"
APP, AT = "/v1/apps/hello", "/v1/apps/{id}"


async def ask(call: Checked) -> Checked:
    """Returns who goes on: an admin whose token is the only one."""
    await ask_for_tokens(call)
    member = call.of(await call.client.joined("member"))
    await member("GET", "/v1/users", "/v1/users", status=403)
    await call("GET", "/v1/users", "/v1/users", status=200)
    await ask_for_superusers(call)
    await ask_for_settings(call)
    await ask_for_collaborators(call)
    await member("DELETE", "/v1/auth/cancel", "/v1/auth/cancel", status=204)
    await call("DELETE", "/v1/auth/cancel", "/v1/auth/cancel", {"username": "member"}, status=404)
    await call("DELETE", "/v1/auth/cancel", "/v1/auth/cancel", status=409)
    token = (await call("POST", f"{TOKENS}/", f"{TOKENS}/", {}, status=200)).json["token"]
    return call.of(call.client.with_token(token))


async def ask_for_tokens(call: Checked) -> None:
    await call("POST", f"{TOKENS}/", f"{TOKENS}/", {"name": "ci"}, status=201)
    await call("POST", f"{TOKENS}/", f"{TOKENS}/", {"name": "ci"}, status=400)
    listed = await call("GET", TOKENS, TOKENS, status=200)
    await call("DELETE", f"{TOKENS}/{listed.json['results'][0]['id']}", f"{TOKENS}/{{id}}", status=204)
    await call("DELETE", f"{TOKENS}/none", f"{TOKENS}/{{id}}", status=404)


async def ask_for_superusers(call: Checked) -> None:
    perms, one = "/v1/admin/perms", "/v1/admin/perms/{username}"
    await call("POST", perms, perms, {"username": "member"}, status=201)
    await call("POST", perms, perms, {"username": "nobody"}, status=404)
    await call("GET", perms, perms, status=200)
    await call("DELETE", f"{perms}/member", one, status=204)
    await call("DELETE", f"{perms}/admin", one, status=409)


async def ask_for_settings(call: Checked) -> None:
    path = "/v1/admin/settings"
    await call("POST", path, path, {"settings": {"registration_mode": "admin_only"}}, status=201)
    await call("POST", path, path, {"settings": {"registration_mode": "nobody"}}, status=400)
    directory = {"ldap_endpoint": "ldaps://ldap.example.org", "ldap_bind_password": "s3cr3t"}
    await call("POST", path, path, {"settings": directory}, status=201)
    await call("POST", path, path, {"settings": {"registration_mode": None, **dict.fromkeys(directory)}}, status=201)
    await call("GET", path, path, status=200)


async def ask_for_collaborators(call: Checked) -> None:
    perms = f"{APP}/perms"
    await call("POST", perms, f"{AT}/perms", {"username": "member"}, status=201)
    await call("POST", perms, f"{AT}/perms", {}, status=400)
    await call("GET", perms, f"{AT}/perms", status=200)
    await call("DELETE", f"{perms}/member", f"{AT}/perms/{{username}}", status=204)
    await call("DELETE", f"{perms}/member", f"{AT}/perms/{{username}}", status=403)
