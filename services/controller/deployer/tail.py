"""The last lines of an instance's output, for the one who wants to know why it failed."""

from __future__ import annotations

import asyncio

from libs.engine import Engine, EngineUnavailable, Logs

LINES = 50  # of an instance that failed its rollout
QUOTED = 20  # of one that crashed later
LONGEST = 500  # characters of a line
PATIENCE = 0.8  # seconds: a failure is told within one of the fact
MOST_PATIENCE = 4.0  # while the engine says nothing: it gives no output of a container that it is starting again
REST = 0.2  # for what follows a first line that came late


async def last_lines(
    engine: Engine, name: str, lines: int, *, patience: float = PATIENCE, most: float = MOST_PATIENCE
) -> tuple[str, ...]:
    """At most so many, oldest first; those that the engine gave in time, none where it has no logs."""
    if not name or not isinstance(engine, Logs):
        return ()
    output = bytearray()
    clock = asyncio.get_running_loop().time
    due = clock() + patience
    try:
        async with asyncio.timeout(most) as limit, engine.logs(name, follow=False, tail=lines) as pieces:
            async for piece in pieces:
                if not output:
                    limit.reschedule(max(due, clock() + REST))
                output += piece.data
    except (EngineUnavailable, TimeoutError):
        pass
    return tuple(line[:LONGEST] for line in output.decode(errors="replace").splitlines()[-lines:])
