"""The last lines of an instance's output, for the one who wants to know why it failed."""

from __future__ import annotations

import asyncio

from libs.engine import Engine, EngineUnavailable, Logs

LINES = 20
LONGEST = 500  # characters of a line
PATIENCE = 5.0  # seconds


async def last_lines(engine: Engine, name: str) -> tuple[str, ...]:
    """Its last lines, oldest first; none where the engine has no logs, or does not give them in time."""
    if not name or not isinstance(engine, Logs):
        return ()
    output = bytearray()
    try:
        async with asyncio.timeout(PATIENCE), engine.logs(name, follow=False, tail=LINES) as pieces:
            async for piece in pieces:
                output += piece.data
    except (EngineUnavailable, TimeoutError):
        pass
    lines = output.decode(errors="replace").splitlines()
    return tuple(line[:LONGEST] for line in lines[-LINES:])
