"""An app's log: its last lines, and the right to follow it: `/v1/apps/<app>/logs`."""

from __future__ import annotations

from collections.abc import Mapping

from libs.client.api.answer import Answer
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection
from libs.client.api.errors import AnswerOverdue, ConnectionBroken


class Ticket(Answer):
    """The right to open one log tail, for some seconds; `url` says by its path where."""

    url: str
    ticket: str
    protocol: str = ""
    expires: str = ""


class Logs:
    """The logs of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def last(self, app: str, lines: int | None = None, select: Mapping[str, str] | None = None) -> str:
        """The newest lines that pass the filters, oldest first; empty when there are none."""
        asked: dict[str, str | int] = {**(select or {})}
        if lines:
            asked["log_lines"] = lines
        return (await self._connection.get(app_path(app, "logs"), **asked)).text

    async def ticket(self, app: str) -> Ticket:
        """A ticket for one tail. It changes nothing that a user would notice, and the errors say so."""
        try:
            return (await self._connection.post(app_path(app, "logs", "tickets"))).read(Ticket)
        except AnswerOverdue as error:
            raise AnswerOverdue(error.url, error.request, error.seconds, changed=False) from error
        except ConnectionBroken as error:
            raise ConnectionBroken(error.url, error.why, changed=False) from error
