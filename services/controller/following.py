"""An answer that goes on: one line of JSON at each change of something, until it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.controller.lines import Lines, ReaderGone
from services.controller.picture import Awaited
from services.controller.shapes import Shape

HEARTBEAT = 15.0  # seconds after which an empty line goes out, so that nobody on the way takes it for dead
PATIENCE = 15.0  # seconds in which a reader must take what was sent, else it is cut off: nothing is kept for it


@dataclass(frozen=True)
class Seen:
    """What there is to tell, None when it is gone; `over`: this is the last of it."""

    shape: Shape | None
    over: bool


async def follow(request: web.Request, changes: Awaited[Any], look: Callable[[], Seen]) -> web.StreamResponse:
    """Tell what `look` sees, now and after each of `changes` that altered it.

    What comes faster than it is read is told in one line.
    """
    lines = await Lines.begun(request, patience=PATIENCE)
    told: Shape | None = None

    def news() -> Seen | None:
        seen = look()
        return seen if seen.over or seen.shape != told else None

    try:
        while True:
            seen = await changes.until(news, limit=HEARTBEAT)
            if seen is None:
                await lines.say()
            elif seen.shape is not None and seen.shape != told:
                told = seen.shape
                await lines.say(told)
            if seen is not None and seen.over:
                break
    except ReaderGone:
        pass
    return lines.response
