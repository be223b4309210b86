"""The answer to a change that was written: v1's, once it is settled; or lines from now on, of which that is the last.

A resource says once what was written, what is to be waited for, and how the answer looks: both ways use it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from pydantic import JsonValue

from libs.engine import Logs
from libs.keyspace.records import App
from libs.web import failure
from services.controller import following
from services.controller.lines import Lines, asked_for
from services.controller.picture import Picture
from services.controller.shapes import Shape
from services.controller.telling import Telling

if TYPE_CHECKING:
    from services.controller.controller import Call, Controller

OWN_HEADERS = {hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH}  # of the answer that goes on


@dataclass(frozen=True)
class Change:
    """A change that is written. `answer` waits until it is settled, and is then what v1's clients get; it may raise.

    `release` is the one whose course tells how it goes, None where no rollout does; `before` are the instances that
    were planned already (`planned_of`).
    """

    app: App
    release: int | None
    answer: Callable[[], Awaitable[web.Response]]
    before: frozenset[str] = frozenset()


def planned_of(picture: Picture, app: App) -> frozenset[str]:
    """The instances that an app's rollouts have planned so far, by id."""
    return frozenset(id_ for one in picture.outlines_of(app.uuid).values() for id_ in one.ids)


async def respond(controller: Controller, call: Call, change: Change) -> web.StreamResponse:
    """Answer in the way that the client wants.

    Nothing that happens to the answer touches the change. Of a reader that left the change is waited for all the same.
    """
    request = call.request
    if not asked_for(request):
        return await change.answer()
    lines = await Lines.begun(request, patience=following.PATIENCE)
    wanted = request.query.get("logs") != "false"
    output = controller.engine if wanted and isinstance(controller.engine, Logs) else None
    telling = Telling(controller.picture, output, change.app, change.release, change.before)
    await telling.begin()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(telling.watch())

        def gone() -> None:
            controller.followers.leave(request)
            watching.cancel()

        group.create_task(telling.tell(lines, gone))
        result = await _result(request, change)
        watching.cancel()
        telling.end(result)
    return lines.response


async def _result(request: web.Request, change: Change) -> Shape:
    """The last line: what a plain client would have got."""
    try:
        answer = await change.answer()
    except Exception as error:  # noqa: BLE001 - told by the one table; what no row knows is logged whole there
        answer = failure(request, error)
    headers: dict[str, JsonValue] = {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
    text = answer.text or ""
    body = json.loads(text) if text and answer.content_type == "application/json" else text or None
    return {"event": "result", "status": answer.status, "headers": headers, "body": body}
