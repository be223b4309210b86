"""The end of a container's process: the image's stop signal once, its grace, then SIGKILL.

What the engine does with `stop` (seen on 20.10; moby's daemon/stop.go): it sends the signal, and SIGKILL after `t`
seconds, a whole number, whether or not the one who asked still listens (23.0.0 to 23.0.6 and 24.0.0 to 24.0.2 kill at
once when they hang up: moby#45731). Each further `stop` sends the signal again and waits for its own time beside the
others: the earliest ends it. A second signal ends many a program at once that had begun to end itself in order; so
what the engine tells of signals that it sent to this run is asked first, and then only the rest of the grace is waited
for. It remembers its last 256 events, and none over its own restart: then the signal is sent twice.
"""

from __future__ import annotations

import asyncio
import math
import signal
import time
from datetime import datetime
from typing import Any

from libs.engine.drivers.docker.wire import Refusal, Wire, json_values
from libs.engine.errors import EngineUnavailable

CHANGE_SECONDS = 60.0  # for the engine, beside the grace
STALE_SECONDS = 60.0  # a signal whose grace was over so long ago was sent by somebody for a purpose of their own
NOT_RUNNING = {304, 404, 409}  # what it answers where there is nothing to stop, signal or wait for


async def stop(wire: Wire, there: dict[str, Any], grace: float) -> None:
    """Stop an inspected container; one that is stopped is fine. Raises `EngineUnavailable`."""
    id_, grace = there["Id"], max(0.0, grace)
    if there["State"]["Paused"]:  # or it would not see the signal
        await _ask(wire, f"containers/{id_}/unpause")
    told = await _told(wire, there, grace) if there["State"]["Status"] in {"running", "paused"} else None
    try:
        if told is None:
            await _begin(wire, id_, grace)
        else:
            left = min(max(0.0, told + grace - time.time()), grace)
            async with asyncio.timeout(left):
                await _wait(wire, id_, left)
    except TimeoutError:
        await _ask(wire, f"containers/{id_}/kill", signal="SIGKILL")
        await _wait(wire, id_)


async def _begin(wire: Wire, id_: str, grace: float) -> None:
    """Let the engine stop it; raises `TimeoutError` after a fraction of a second that it does not know."""
    seconds = math.ceil(grace)
    async with asyncio.timeout(None if seconds == grace else grace):
        await _ask(wire, f"containers/{id_}/stop", t=seconds, seconds=seconds + CHANGE_SECONDS)


async def _wait(wire: Wire, id_: str, grace: float = 0.0) -> None:
    await _ask(wire, f"containers/{id_}/wait", condition="not-running", seconds=grace + CHANGE_SECONDS)


async def _ask(wire: Wire, path: str, *, seconds: float = CHANGE_SECONDS, **query: Any) -> None:
    try:
        await wire.ask("POST", path, query=query, seconds=seconds)
    except Refusal as refusal:
        if refusal.status not in NOT_RUNNING:
            raise EngineUnavailable(f"the engine refused {path}: {refusal}") from refusal


async def _told(wire: Wire, there: dict[str, Any], grace: float) -> float | None:
    """When this run was first sent its stop signal, as far as the engine remembers; seconds since the epoch."""
    wanted = stop_signal(there["Config"].get("StopSignal") or "SIGTERM")
    began, now = datetime.fromisoformat(there["State"]["StartedAt"]).timestamp(), time.time()
    query = {
        "since": f"{max(began, now - grace - STALE_SECONDS):.9f}",
        "until": f"{now:.9f}",
        "filters": {"type": ["container"], "container": [there["Id"]], "event": ["kill"]},
    }
    try:
        async with wire.stream("GET", "events", query=query) as chunks, asyncio.timeout(CHANGE_SECONDS):
            async for event in json_values(chunks):
                sent = ((event.get("Actor") or {}).get("Attributes") or {}).get("signal", "")
                if wanted is not None and sent == str(wanted) and "timeNano" in event:
                    return float(event["timeNano"]) / 1e9
    except (Refusal, TimeoutError) as error:
        raise EngineUnavailable(f"the engine would not tell what it sent to {there['Name']}: {error}") from error
    return None


def stop_signal(text: str) -> int | None:
    """The number of a signal in an image's words: `SIGQUIT`, `QUIT`, `3`, `SIGRTMIN+3`; None for what is none."""
    name, plus, more = text.strip().upper().partition("+")
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        number = signal.Signals["SIG" + name.removeprefix("SIG")]
    except KeyError:
        return None
    return number + (int(more) if plus and more.isdigit() else 0)
