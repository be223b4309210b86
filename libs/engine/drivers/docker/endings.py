"""The end of an instance that runs once, waited for at the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from libs.engine.drivers.docker.census import as_instance
from libs.engine.drivers.docker.wire import NoAnswer, Refusal, Wire
from libs.engine.engine import Instance
from libs.engine.errors import EngineUnavailable, InstanceRefused
from libs.engine.labels import BadLabels, read

ASKED_SECONDS = 3600.0  # one request waits for so long; then comes the next
ALIVE = {"running", "paused", "restarting"}  # the engine's words


class DockerEndings:
    """The `Endings` of one Docker Engine. `own` inspects a container of the platform."""

    def __init__(self, wire: Wire, own: Callable[[str], Awaitable[dict[str, Any] | None]], network: str) -> None:
        self._wire = wire
        self._own = own
        self._network = network

    async def ended(self, name: str) -> Instance | None:
        """See `Endings.ended`. The engine's word that it waits no more says nothing: it is looked at then."""
        while (there := await self._own(name)) is not None:
            if there["State"]["Status"] not in ALIVE:
                return self._as_instance(there)
            try:
                path = f"containers/{there['Id']}/wait"
                await self._wire.ask("POST", path, query={"condition": "not-running"}, seconds=ASKED_SECONDS)
            except NoAnswer:
                continue
            except Refusal as refusal:
                if refusal.status != 404:
                    raise EngineUnavailable(f"the engine would not wait for {name}: {refusal}") from refusal
        return None

    def _as_instance(self, there: dict[str, Any]) -> Instance:
        try:
            labelled = read(there["Config"]["Labels"])
        except BadLabels as error:
            raise InstanceRefused(there["Name"].removeprefix("/"), str(error)) from error
        return as_instance(there, labelled, network=self._network, last_exit=None)
