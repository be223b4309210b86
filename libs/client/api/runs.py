"""One-off runs: `/v1/apps/<app>/run`."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict, RootModel

from libs.client.api.apps import app_path
from libs.client.api.connection import Connection

LEFT_OUT = "Deis-Run-Left-Out"  # a header: how many bytes of the beginning are missing; the first line says so, too
NOTICE = "[deis: the first "


class Ended(RootModel[tuple[int, str]]):
    """Version 1's answer: the exit code and the output."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote, to either stream."""

    exit_code: int  # its own; 128 + n where signal n killed it
    output: str
    left_out: int = 0  # so many bytes of the beginning, at least, are missing


class Runs:
    """Commands in containers of their own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, app: str, command: str) -> Ran:
        """Run a command line; returns when it ended. Never sent twice: nobody knows what a second run would do."""
        body = {"command": command}
        reply = await self._connection.post(app_path(app, "run"), body, patient=True)
        code, output = reply.read(Ended).root
        missing = reply.headers.get(LEFT_OUT, "")
        if not missing.isdecimal():
            return Ran(code, output)
        first, _, rest = output.partition("\n")
        return Ran(code, rest if first.startswith(NOTICE) else output, int(missing))
