"""Asks for each operation of accounts."""

from __future__ import annotations

from tests.support.contract import Checked


async def ask(nobody: Checked) -> Checked:
    """Register and log in; returns who did."""
    account = {"username": "admin", "password": "opensesame"}
    await nobody("GET", "/healthz", "/healthz", status=200)
    await nobody("GET", "/v1", "/v1", status=401)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=201)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=400)
    token = (await nobody("POST", "/v1/auth/login/", "/v1/auth/login/", account, status=200)).json["token"]
    call = nobody.of(nobody.client.with_token(token))
    password = {"password": "opensesame", "new_password": "opensesame"}
    await call("GET", "/v1", "/v1", status=200)
    await call("GET", "/v1/auth/whoami", "/v1/auth/whoami", status=200)
    await call("POST", "/v1/auth/passwd", "/v1/auth/passwd", password, status=200)
    return call
