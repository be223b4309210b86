"""One-off runs: `/v1/apps/<app>/run`."""

from __future__ import annotations

from pydantic import ConfigDict, RootModel

from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Ran(RootModel[tuple[int, str]]):
    """How a command ended."""

    model_config = ConfigDict(frozen=True)

    @property
    def exit_code(self) -> int:
        """The command's own; 128 + n where signal n killed it."""
        return self.root[0]

    @property
    def output(self) -> str:
        """What it wrote, to either stream."""
        return self.root[1]


class Runs:
    """Commands in containers of their own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, app: str, command: str) -> Ran:
        """Run a command line; returns when it ended. Never sent twice: nobody knows what a second run would do."""
        body = {"command": command}
        return (await self._connection.post(app_path(app, "run"), body, patient=True)).read(Ran)
