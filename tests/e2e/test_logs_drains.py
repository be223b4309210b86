"""Log drains on a whole platform, by the command, to real receivers."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.conftest import IMAGE
from tests.support.counting import PROCFILE, Counted, spans
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.rsyslog import running_rsyslog
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


class Collector:
    """An HTTP receiver of Logplex's batches. While it is `away` it answers 503."""

    def __init__(self) -> None:
        self.away = False
        self.refused: list[str] = []  # ids of batches
        self.batches: dict[str, list[str]] = {}
        self.tokens: set[str] = set()

    @property
    def lines(self) -> list[str]:
        """The messages of all batches, each batch once."""
        return [line for batch in self.batches.values() for line in batch]

    async def take(self, request: web.Request) -> web.Response:
        batch = request.headers["Logplex-Frame-Id"]
        if self.away:
            self.refused.append(batch)
            return web.Response(status=503)
        lines = frames(await request.read())
        assert len(lines) == int(request.headers["Logplex-Msg-Count"])
        self.tokens.add(request.headers["Logplex-Drain-Token"])
        self.batches.setdefault(batch, lines)
        return web.Response(status=204)

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/logs", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield
        finally:
            await runner.cleanup()


def frames(body: bytes) -> list[str]:
    """Octet-counted messages (RFC 6587 §3.4.1)."""
    found = []
    while body:
        length, _, rest = body.partition(b" ")
        found.append(rest[: int(length)].decode())
        body = rest[int(length) :]
    return found


def missing(lines: list[str]) -> list[str]:
    """Numbers of the app that are between others and are not there; doubles are allowed, as after a restart."""
    return [
        f"{run}: {spans(numbers)}"
        for run, numbers in Counted.of(lines).said.items()
        if sorted(set(numbers)) != list(range(min(numbers), max(numbers) + 1))
    ]


async def test_an_apps_lines_come_to_a_syslog_server_and_an_http_server(
    deis_platform: Platform, name: str, tmp_path: Path
) -> None:
    deis, collector, ports = deis_platform.deis, Collector(), (free_port(), free_port())
    async with running_rsyslog(tmp_path / "rsyslog", ports[0]) as rsyslog, collector.listening(ports[1]):
        await deis("create", name, "--no-remote")
        try:
            await deis("drains:add", f"syslog://127.0.0.1:{ports[0]}", "-a", name)
            http = f"http://user:secret@127.0.0.1:{ports[1]}/logs"
            added = json.loads(await deis("drains:add", http, "--select", "process=web", "-a", name, "--json"))
            await deis("pull", f"{IMAGE}:v1", "-a", name, "--procfile", PROCFILE)
            await deis("scale", "cmd=0", "web=2", "-a", name)

            def texts() -> list[str]:
                return [line["text"] for line in rsyslog.lines()]

            async def more(count: int) -> None:
                """Wait until so many more lines of each process are at both."""
                before = [seen(lines) for lines in (texts(), collector.lines)]

                def came() -> bool:
                    now = [seen(lines) for lines in (texts(), collector.lines)]
                    return all(
                        len(new) >= 2 and min(new[run] - old.get(run, 0) for run in new) >= count
                        for old, new in zip(before, now, strict=True)
                    )

                await eventually(came, within=60, what=f"{count} more lines of each process at both receivers")

            await more(40)
            assert Counted.of(texts()).wrong() == []
            assert Counted.of(collector.lines).wrong() == []
            assert {line["app"] for line in rsyslog.lines()} == {name}
            assert {line["process"] for line in rsyslog.lines()} >= {"web.1", "web.2", "deis"}
            assert any(f"ada deployed {IMAGE}:v1" in text for text in texts())
            assert {re.split(" +", line)[4] for line in collector.lines} == {"web.1", "web.2"}
            assert collector.tokens == {added["token"]}

            collector.away = True
            await eventually(lambda: collector.refused, within=60, what="a batch that was refused")
            collector.away = False
            await more(40)
            assert collector.refused[0] in collector.batches  # the same batch under the same id
            await deis_platform.kill("logger")
            await more(40)
            assert missing(texts()) == []
            assert missing(collector.lines) == []

            shown = await deis("drains", "-a", name)
            assert "secret" not in shown
            for drain in await deis_platform.listing("drains", "-a", name):

                async def told(drain_id: str = drain["id"]) -> bool:
                    state = (await deis_platform.listing("drains:info", drain_id, "-a", name))["state"]
                    return bool(state and state["sent"] > 80 and state["dropped"] == 0 and not state["error"])

                await eventually(told, within=60, what="the drain's state")
                await deis("drains:remove", drain["id"], "-a", name)
            assert await deis_platform.listing("drains", "-a", name) == []
        finally:
            await deis("destroy", "-a", name, f"--confirm={name}")


def seen(lines: list[str]) -> dict[str, int]:
    return {run: len(set(numbers)) for run, numbers in Counted.of(lines).said.items()}


async def test_a_platforms_drain_has_the_lines_of_all_apps(deis_platform: Platform, app: str) -> None:
    collector, port = Collector(), free_port()
    async with collector.listening(port):
        url = f"http://127.0.0.1:{port}/logs"
        added = json.loads(await deis_platform.deis("drains:add", url, "--platform", "--json"))
        try:
            await deis_platform.deis("config:set", "GREETING=hello drains", "-a", app)

            def told(words: str) -> bool:
                return any(words in line and f" {app} " in line for line in collector.lines)

            for words in ("ada added GREETING", "listening on port 8000"):
                await eventually(partial(told, words), within=60, what=f"{words!r} at the receiver")
        finally:
            await deis_platform.deis("drains:remove", added["id"], "--platform")
