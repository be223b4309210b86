"""Log drains over TLS on a whole platform, by the command, to a real rsyslog that asks for certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import IMAGE
from tests.support.certificates import make_certificate
from tests.support.counting import PROCFILE, Counted
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.rsyslog import running_rsyslog
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def state_of(platform: Platform, app: str, drain: str) -> dict[str, Any]:
    return (await platform.listing("drains:info", drain, "-a", app))["state"] or {}


async def test_lines_come_over_tls_to_who_knows_the_certificate_and_every_other_is_told_why_not(
    deis_platform: Platform, name: str, tmp_path: Path
) -> None:
    deis, port = deis_platform.deis, free_port()
    own, client, stranger = make_certificate("localhost", ["localhost"]), *map(make_certificate, ("shop", "other"))
    paths = {}
    for file, text in {
        "ca.pem": own.pem,
        "client.pem": client.pem,
        "client.key": client.key,
        "stranger.pem": stranger.pem,
        "stranger.key": stranger.key,
    }.items():
        paths[file] = str(tmp_path / file)
        (tmp_path / file).write_text(text)
    url = f"syslog+tls://localhost:{port}"

    async def added(*options: str) -> str:
        return str(json.loads(await deis("drains:add", url, *options, "-a", name, "--json"))["id"])

    def shown(who: str) -> tuple[str, ...]:
        return ("--client-cert", paths[f"{who}.pem"], "--client-key", paths[f"{who}.key"])

    await deis("create", name, "--no-remote")
    try:
        mismatch = ("--client-cert", paths["client.pem"], "--client-key", paths["stranger.key"])
        refused = await deis("drains:add", url, "--ca", paths["ca.pem"], *mismatch, "-a", name, check=False)
        assert "key" in refused
        assert await deis_platform.listing("drains", "-a", name) == []
        known = await added("--ca", paths["ca.pem"], *shown("client"))
        unknown_to_it = await added("--ca", paths["ca.pem"], *shown("stranger"))
        unknown_to_us = await added("--ca", paths["stranger.pem"], *shown("client"))
        async with running_rsyslog(
            tmp_path / "rsyslog", port, own=own, clients=client.pem, mode="x509/certvalid"
        ) as rsyslog:
            await deis("pull", f"{IMAGE}:v1", "-a", name, "--procfile", PROCFILE)
            await deis("scale", "cmd=0", "web=1", "-a", name)

            def texts() -> list[str]:
                return [line["text"] for line in rsyslog.lines()]

            def many() -> bool:
                return any(len(numbers) >= 100 for numbers in Counted.of(texts()).said.values())

            await eventually(many, within=60, what="lines at the receiver")
            assert Counted.of(texts()).wrong() == []

            async def sent() -> bool:
                state = await state_of(deis_platform, name, known)
                return bool(state.get("sent", 0) >= 100 and not state["error"] and not state["dropped"])

            await eventually(sent, within=60, what="the drain's state")
            for drain in (unknown_to_it, unknown_to_us):

                async def fails(drain: str = drain) -> bool:
                    return bool((await state_of(deis_platform, name, drain)).get("failing"))

                await eventually(fails, within=60, what="the state of a drain that is not let in")
                assert (await state_of(deis_platform, name, drain))["sent"] == 0
            told = await deis("drains:info", unknown_to_us, "-a", name)
            assert "certificate" in told.rpartition("failing since")[2]
            told = await deis("drains:info", unknown_to_it, "-a", name)
            assert "client certificate" in told.rpartition("failing since")[2]
            told = await deis("drains:info", known, "-a", name)
            assert "failing" not in told
            assert "certificate:  shows one\n" in told
            assert client.key not in json.dumps(await deis_platform.listing("drains:info", known, "-a", name))
    finally:
        await deis("destroy", "-a", name, f"--confirm={name}")
