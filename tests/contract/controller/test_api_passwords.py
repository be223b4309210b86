"""Passwords: changing one's own, and as a superuser anyone's."""

from __future__ import annotations

from tests.support.api import Api, Client


async def test_a_password_is_changed_by_who_knows_it(api: Api, admin: Client) -> None:
    member = await api.client.joined("member")
    wrong = await member("POST", "/v1/auth/passwd/", {"password": "x", "new_password": "y"})
    assert (wrong.line, wrong.json) == ("400 BAD REQUEST", {"detail": "Current password does not match"})
    missing = await member("POST", "/v1/auth/passwd/", {"password": "x"})
    assert missing.json == {"new_password": ["This field is required."]}
    done = await member("POST", "/v1/auth/passwd/", {"password": "opensesame", "new_password": "y"})
    assert (done.line, done.json) == ("200 OK", {"status": "password set"})
    assert (await member("GET", "/v1/")).status == 200
    login = {"username": "member", "password": "y"}
    assert (await api.client("POST", "/v1/auth/login/", login)).status == 200


async def test_the_present_password_is_a_must_for_whoever_is_no_superuser(api: Api, admin: Client) -> None:
    member = await api.client.joined("member")
    for given in ({}, {"username": "member"}):
        missing = await member("POST", "/v1/auth/passwd/", {"new_password": "y", **given})
        assert (missing.line, missing.json) == ("400 BAD REQUEST", {"password": ["This field is required."]})
    assert (await admin("POST", "/v1/auth/passwd/", {"new_password": "y"})).status == 200
    login = {"username": "admin", "password": "y"}
    assert (await api.client("POST", "/v1/auth/login/", login)).status == 200


async def test_a_superuser_who_gives_a_password_must_give_the_targets(api: Api, admin: Client) -> None:
    await api.client.joined("member")
    change = {"username": "member", "new_password": "z"}
    wrong = await admin("POST", "/v1/auth/passwd/", {**change, "password": "x"})
    assert (wrong.status, wrong.json) == (400, {"detail": "Current password does not match"})
    assert (await admin("POST", "/v1/auth/passwd/", {**change, "password": "opensesame"})).status == 200


async def test_rights_are_looked_at_before_fields(api: Api, admin: Client) -> None:
    """As in v1: 403, then 404, then 400."""
    member = await api.client.joined("member")
    assert (await member("POST", "/v1/auth/passwd/", {"username": "admin"})).status == 403
    assert (await member("POST", "/v1/auth/passwd/", {"username": "nobody"})).status == 403
    assert (await admin("POST", "/v1/auth/passwd/", {"username": "nobody"})).status == 404
    assert (await admin("POST", "/v1/auth/passwd/", {"username": "member"})).status == 400


async def test_only_a_superuser_sets_anothers_password(api: Api, admin: Client) -> None:
    member = await api.client.joined("member")
    body = {"username": "admin", "password": "x", "new_password": "y"}
    assert (await member("POST", "/v1/auth/passwd/", body)).status == 403
    assert (await admin("POST", "/v1/auth/passwd/", {"username": "member", "new_password": "z"})).status == 200
    assert (await admin("POST", "/v1/auth/passwd/", {"username": "nobody", "new_password": "z"})).status == 404
