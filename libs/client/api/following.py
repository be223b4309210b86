"""Following a change live: the controller tells how it goes, and at the end what it answers to who does not follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from libs.client.api.answer import Answer
from libs.client.api.connection import JSON, NDJSON, Connection, Reply
from libs.client.api.errors import ConnectionBroken, FollowingBroken
from libs.client.api.releases import Release
from libs.client.api.subjects import app_of


class LogLine(Answer):
    """A line that a new instance wrote."""

    instance: str = ""
    stream: str = ""
    at: str = ""
    line: str = ""


class Lost(Answer):
    """So many log lines were left out."""

    lines: int = 0


class Result(Answer):
    """The answer to the change."""

    status: int
    headers: dict[str, str]
    body: Any = None


Told = Release | LogLine | Lost
KINDS: Mapping[str, type[Told]] = {"release": Release, "log": LogLine, "lost": Lost}


class Following(Connection):
    """The same controller, asked so that each patient POST is followed: `told` hears of it.

    `output` asks for log lines, too. A controller that knows nothing of this answers as ever, when the change is out.
    """

    def __init__(self, connection: Connection, told: Callable[[Told], None], *, output: bool) -> None:
        super().__init__(connection.session, connection.url, connection.token, seconds=connection.seconds)
        self._told, self._output = told, output

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, patient: bool = False) -> Reply:
        """See `Connection.post`; `FollowingBroken` where the connection ends before the change is settled."""
        if not patient:
            return await super().post(path, body)
        asked, accept = dict(body or {}), f"{NDJSON}, {JSON}"
        query = {} if self._output else {"logs": "false"}
        async with self._opened("POST", path, accept=accept, params=query, json=asked) as response:
            if response.status != 200 or response.content_type != NDJSON:
                reply = Reply(self.url, response.status, response.headers, await response.read())
                return self._checked(path, response.status, response.reason or "", reply, asked, changing=True)
            last: Release | None = None
            try:
                async with aclosing(self._lines_of(response, f"POST {path}")) as lines:
                    async for line in lines:
                        event = line.json()
                        kind = event.get("event") if isinstance(event, dict) else None
                        if kind == "result":
                            result = line.read(Result)
                            return self._checked(path, *_answer(line, result), asked, changing=True)
                        if shape := KINDS.get(str(kind)):
                            heard = line.read(shape)
                            last = heard if isinstance(heard, Release) else last
                            self._told(heard)
            except ConnectionBroken as broken:
                raise _broken(self.url, broken.why, app_of(path), last) from broken
            raise _broken(self.url, "the controller closed it before the change was settled", app_of(path), last)


def _answer(line: Reply, result: Result) -> tuple[int, str, Reply]:
    """The answer as it would have come by itself: status, reason and reply."""
    body = b"" if result.body is None else json.dumps(result.body).encode()
    known = {status.value: status.phrase for status in HTTPStatus}
    reply = Reply(line.url, result.status, {**line.headers, **result.headers}, body)
    return result.status, known.get(result.status, "").upper(), reply


def _broken(url: str, why: str, app: str, last: Release | None) -> FollowingBroken:
    if last is None:
        return FollowingBroken(url, why, app=app)
    waits = f", waiting for {last.waiting}" if last.waiting and not last.settled else ""
    known = f"v{last.version} was {last.phase}{waits}" if last.phase else ""
    return FollowingBroken(url, why, app=app, release=f"v{last.version}", known=known)
