"""The last lines of an instance's output, for the one who wants to know why it failed."""

from __future__ import annotations

import asyncio

from libs.engine import Engine, EngineUnavailable, Logs

LINES = 50  # of an instance that failed its rollout
QUOTED = 20  # of one that crashed later
LONGEST = 500  # characters of a line
PATIENCE = 0.8  # seconds: a failure is told within one of the fact


async def last_lines(engine: Engine, name: str, lines: int, *, patience: float = PATIENCE) -> tuple[str, ...]:
    """At most so many, oldest first; those that the engine gave in time, none where it has no logs."""
    if not name or not isinstance(engine, Logs):
        return ()
    output = bytearray()
    try:
        async with asyncio.timeout(patience), engine.logs(name, follow=False, tail=lines) as pieces:
            async for piece in pieces:
                output += piece.data
    except (EngineUnavailable, TimeoutError):
        pass
    return tuple(line[:LONGEST] for line in output.decode(errors="replace").splitlines()[-lines:])
