"""Asks for each operation of certificates."""

from __future__ import annotations

from tests.support.certificates import make_certificate
from tests.support.contract import Checked


async def ask(call: Checked) -> None:
    certs, one = "/v1/certs", "/v1/certs/{common_name}"
    made = make_certificate("www.example.org", ["www.example.org", "example.org"])
    body = {"certificate": made.pem, "key": made.key}
    await call("POST", certs, certs, body, status=201)
    await call("POST", certs, certs, body, status=400)
    await call("POST", certs, certs, {"certificate": "x", "key": "y"}, status=400)
    await call("GET", certs, certs, status=200)
    await call("GET", f"{certs}/www.example.org", one, status=200)
    await call("DELETE", f"{certs}/www.example.org", one, status=204)
    await call("GET", f"{certs}/www.example.org", one, status=404)
