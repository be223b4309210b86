"""Asks for each operation of apps."""

from __future__ import annotations

from tests.support.contract import Checked

APP, AT = "/v1/apps/hello", "/v1/apps/{id}"


async def ask(call: Checked) -> None:
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=201)
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=400)
    await call("GET", "/v1/apps", "/v1/apps", status=200)
    await call("GET", APP, AT, status=200)
    await call("POST", APP, AT, {}, status=200)
    await call("GET", "/v1/apps/nope", AT, status=404)
    await call("GET", f"{APP}/settings", f"{AT}/settings", status=200)
    chosen = {"settings": {"surge": "50%", "parallel": 2, "drain_seconds": 1.5, "response_timeout_seconds": 60}}
    await call("POST", f"{APP}/settings", f"{AT}/settings", chosen, status=201)
    await call("POST", f"{APP}/settings", f"{AT}/settings", {"settings": {"colour": 1}}, status=400)
    await call("POST", f"{APP}/domains", f"{AT}/domains", {"domain": "example.org"}, status=201)
    await call("GET", f"{APP}/domains", f"{AT}/domains", status=200)
    await call("DELETE", f"{APP}/domains/example.org", f"{AT}/domains/{{domain}}", status=204)
    await call("GET", f"{APP}/logs", f"{AT}/logs", status=500)
    await call("POST", f"{APP}/logs/tickets", f"{AT}/logs/tickets", status=503)
    await call("GET", f"{APP}/events", f"{AT}/events", status=200)
