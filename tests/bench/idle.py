"""What the whole control plane of a one-machine platform costs while nothing happens."""

from __future__ import annotations

import asyncio

import psutil

from tests.bench.report import Row
from tests.support.platform import Platform

SETTLE = 20.0  # seconds for start-up work to be over
WINDOW = 60.0  # seconds of measuring
MIB = 1024 * 1024


async def run(platform: Platform) -> list[Row]:
    """Resident memory and CPU of supervisord and everything below it but the engine, over one minute."""
    await asyncio.sleep(SETTLE)
    groups = processes(platform)
    before = {process: sum(process.cpu_times()[:2]) for group in groups.values() for process in group}
    await asyncio.sleep(WINDOW)
    rows, resident, shared_fairly, seconds = [], 0.0, 0.0, 0.0
    for name, group in groups.items():
        rss = sum(process.memory_info().rss for process in group) / MIB
        pss = sum(process.memory_full_info().pss for process in group) / MIB
        used = sum(sum(process.cpu_times()[:2]) - before[process] for process in group)
        resident, shared_fairly, seconds = resident + rss, shared_fairly + pss, seconds + used
        rows.append(Row("idle", f"{name}, resident", rss, "MiB"))
        rows.append(Row("idle", f"{name}, of a core", used / WINDOW * 100, "%"))
    rows.append(Row("idle", "all, resident", resident, "MiB", 250))
    rows.append(Row("idle", "all, shared pages counted once (PSS)", shared_fairly, "MiB"))
    rows.append(Row("idle", "all, of a core", seconds / WINDOW * 100, "%", 2))
    return rows


def processes(platform: Platform) -> dict[str, list[psutil.Process]]:
    """Each program with its processes, supervisord too, the engine not."""
    found = {}
    for program in platform.supervisor.programs():
        if program["name"] != "docker" and program["pid"]:
            one = psutil.Process(program["pid"])
            found[str(program["name"])] = [one, *one.children(recursive=True)]
    pidfile = platform.settings.home / "run" / "supervisord.pid"
    found["supervisord"] = [psutil.Process(int(pidfile.read_text()))]
    return found
