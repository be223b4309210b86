"""Asks for each operation of keys."""

from __future__ import annotations

from tests.support.contract import Checked
from tests.support.ssh import make_public_key


async def ask(call: Checked) -> None:
    keys, one = "/v1/keys", "/v1/keys/{id}"
    await call("POST", keys, keys, {"id": "ann@laptop", "public": make_public_key()}, status=201)
    await call("POST", keys, keys, {"id": "ann@laptop", "public": "ssh-rsa"}, status=400)
    await call("GET", keys, keys, status=200)
    await call("GET", f"{keys}/ann@laptop", one, status=200)
    await call("DELETE", f"{keys}/ann@laptop", one, status=204)
    await call("GET", f"{keys}/ann@laptop", one, status=404)
