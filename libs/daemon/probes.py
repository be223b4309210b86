"""The process's own word on itself: `/livez`, `/readyz`, `/statusz`, `/metrics`, on the admin port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from libs.daemon.daemon import Daemon
from libs.web.server import listen

__all__ = ["application", "listen", "unready"]


def unready(daemons: Sequence[Daemon]) -> list[str]:
    """The conditions that do not hold, as `<daemon>: <condition>`; a daemon that named none yet is starting.

    A fact of the same name says why: it stands behind the condition.
    """
    missing = []
    for daemon in daemons:
        if not daemon.ready:
            missing.append(f"{daemon.name}: starting")
        for name in (name for name, holds in daemon.ready.items() if not holds()):
            why = f": {daemon.facts[name]()}" if name in daemon.facts else ""
            missing.append(f"{daemon.name}: {name}{why}")
    return missing


class DaemonCollector(Collector):
    """What an alert asks of any daemon: is it ready, and does a loop of its own fail again and again."""

    def __init__(self, daemons: Sequence[Daemon]) -> None:
        self._daemons = daemons

    def collect(self) -> Iterable[Metric]:
        """Both, as they are now."""
        ready = GaugeMetricFamily("deis_ready", "Whether every condition of /readyz holds.", labels=["daemon"])
        failures = GaugeMetricFamily("deis_loop_failures", "Failures of a loop in a row.", labels=["daemon", "loop"])
        for daemon in self._daemons:
            ready.add_metric([daemon.name], float(not unready([daemon])))
            for name, loop in daemon.loops.items():
                failures.add_metric([daemon.name, name], float(loop.status.failures))
        return ready, failures


def application(daemons: Sequence[Daemon], registry: CollectorRegistry) -> web.Application:
    """The admin endpoints. `/livez` asks only whether the event loop turns; it never asks another service."""
    registry.register(DaemonCollector(daemons))

    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        missing = unready(daemons)
        return web.Response(status=503 if missing else 200, text="\n".join(missing or ["ok"]) + "\n")

    async def statusz(_: web.Request) -> web.Response:
        body = {
            daemon.name: {
                "ready": {name: holds() for name, holds in daemon.ready.items()},
                "facts": {name: tell() for name, tell in daemon.facts.items()},
                "loops": {name: asdict(loop.status) for name, loop in daemon.loops.items()},
            }
            for daemon in daemons
        }
        tasks = sorted(task.get_name() for task in asyncio.all_tasks())
        return web.json_response({"daemons": body, "tasks": tasks})

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/statusz", statusz)
    app.router.add_get("/metrics", metrics)
    return app
