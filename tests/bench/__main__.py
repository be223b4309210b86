"""`make bench`: measure on a platform of its own, print a table, and write JSON beside it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from tests.bench import (
    checker,
    controller,
    deploy,
    idle,
    logger_delay,
    logger_ingest,
    logger_lines,
    publisher,
    routed,
    router_apply,
)
from tests.bench.report import Row, save, show
from tests.support.platform import platform

IMAGE = "bench-hello:v1"


async def measure(directory: Path) -> list[Row]:
    """Every measurement that wants a whole platform, on one."""
    async with platform(
        directory, extra={"DEIS_NODE": "bench", "DEIS_PRESENCE_SECONDS": "15", "DEIS_LAYOUT": "shared"}
    ) as running:
        await running.build(IMAGE)
        url = f"http://deis.localhost:{running.settings.router_http_port}"
        login = ("--username", "bench", "--password", "bench", "--email", "bench@example.com")
        await running.deis("register", url, *login)
        await running.deis("create", "bench-idle", "--no-remote")
        await running.deis("pull", IMAGE, "-a", "bench-idle")
        rows = await idle.run(running)
        await running.deis("destroy", "-a", "bench-idle", "--confirm=bench-idle")
        rows += await routed.run(running, IMAGE)
        return rows + await deploy.run(running, IMAGE)


def main() -> None:
    """Measure, show, save."""
    directory = Path(tempfile.mkdtemp(prefix="deis-bench-"))
    try:
        rows = [
            row
            for part in (logger_lines, logger_ingest, logger_delay, checker, publisher, router_apply, controller)
            for row in part.run()
        ]
        rows += asyncio.run(measure(directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show(rows)
    print(f"JSON: {save(rows)}")  # noqa: T201 - a command's output


main()
