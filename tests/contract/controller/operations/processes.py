"""Asks for each operation of processes."""

from __future__ import annotations

from tests.support.contract import Checked

FOLLOWING = {"Accept": "application/x-ndjson"}
APP, AT = "/v1/apps/hello", "/v1/apps/{id}"


async def ask(call: Checked) -> None:
    await call("POST", f"{APP}/scale", f"{AT}/scale", {"web": 1}, status=204)
    await call("POST", f"{APP}/scale", f"{AT}/scale", {"web": 2}, status=200, headers=FOLLOWING)
    await call("POST", f"{APP}/containers/restart", f"{AT}/containers/restart", status=200, headers=FOLLOWING)
    await call("POST", f"{APP}/run", f"{AT}/run", {"command": "true"}, status=503)
    await call("POST", f"{APP}/run", f"{AT}/run", {"command": " "}, status=400)
    await call("GET", f"{APP}/containers", f"{AT}/containers", status=200)
    await call("GET", f"{APP}/containers/web", f"{AT}/containers/{{type}}", status=200)
    await call("GET", f"{APP}/containers/web/1", f"{AT}/containers/{{type}}/{{num}}", status=200)
    await call("POST", f"{APP}/containers/restart", f"{AT}/containers/restart", status=200)
    await call("POST", f"{APP}/containers/web/restart", f"{AT}/containers/{{type}}/restart", status=200)
    await call("POST", f"{APP}/containers/web/1/restart", f"{AT}/containers/{{type}}/{{num}}/restart", status=200)
