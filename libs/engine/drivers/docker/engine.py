"""Instances as containers of one real Docker Engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Any, TypeVar

from libs.engine.addresses import Ledger, take
from libs.engine.drivers.docker import container
from libs.engine.drivers.docker.census import Census, address_of
from libs.engine.drivers.docker.commands import DockerExec
from libs.engine.drivers.docker.endings import DockerEndings
from libs.engine.drivers.docker.images import DockerImages
from libs.engine.drivers.docker.ledger import LedgerFile
from libs.engine.drivers.docker.logs import DockerLogs
from libs.engine.drivers.docker.network import Network, NetworkRefused
from libs.engine.drivers.docker.stopping import stop
from libs.engine.drivers.docker.wire import Refusal, Wire, json_values
from libs.engine.engine import EngineEvent, Executed, Image, Instance, InstanceSpec, LogPiece, Population
from libs.engine.errors import EngineUnavailable, ImageNotFound, InstanceRefused
from libs.engine.labels import PLATFORM

CHANGE_SECONDS = 60.0  # for a request that makes, starts or removes a container
TAKEN_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)  # between looks at a name that is taken and not shown yet
ATTEMPTS = 5  # to start an instance, while addresses or the network turn out to be another's or gone
EVENTS = ("create", "start", "die", "oom", "pause", "unpause", "destroy")
OVERLAP_SECONDS = 2.0  # the engine sends its headers before it listens, so it is asked for what has just been as well

T = TypeVar("T")


class DockerEngine:
    """An `Engine` with `Images`, `Logs`, `Endings` and `Exec`, on one host."""

    def __init__(  # noqa: PLR0913 — its parts, by name
        self,
        wire: Wire,
        *,
        platform: str,
        network: Network,
        ledger: LedgerFile,
        quarantine_seconds: float = 300.0,
        init: bool = False,
    ) -> None:
        self._wire = wire
        self._platform = platform
        self._network = network
        self._ledger = ledger
        self._quarantine_seconds = quarantine_seconds
        self._init = init
        self._census = Census(wire, platform, network.name)
        self._images = DockerImages(wire)
        self._logs = DockerLogs(wire)
        self._exec = DockerExec(wire, self._own)
        self._endings = DockerEndings(wire, self._own, network.name)
        self._choosing = asyncio.Lock()
        self._promised: set[IPv4Address] = set()  # chosen, and not yet seen with a container

    async def start(self, spec: InstanceSpec) -> None:
        """See `Engine.start`."""
        refusal: Refusal | None = None
        for _ in range(ATTEMPTS):
            there = await self._own(spec.name)
            if there is None and not await self._create(spec):
                continue
            if there is not None and (there["State"]["Running"] or (spec.once and _has_run(there))):
                return
            try:
                await self._wire.ask("POST", f"containers/{spec.name}/start", seconds=CHANGE_SECONDS)
            except Refusal as error:
                refusal = error
                if not await self._mend(spec.name, error):
                    break
            else:
                return
        words = refusal.words if refusal else "it was removed by someone else each time it was made"
        raise InstanceRefused(spec.name, words) from refusal

    async def stop(self, name: str, *, grace: float) -> None:
        """See `Engine.stop`."""
        there = await self._own(name)
        if there is not None:
            await stop(self._wire, there, grace)

    async def remove(self, name: str) -> None:
        """See `Engine.remove`. Its address rests from before it is free."""
        there = await self._own(name)
        if there is None:
            return
        if there["State"]["Running"]:
            raise InstanceRefused(name, "it runs: stop it before it is removed")
        await self._rest(there)
        try:
            # By id, so that what bears the name by now is safe; and with the volumes that only it knew.
            await self._wire.ask("DELETE", f"containers/{there['Id']}", query={"v": True}, seconds=CHANGE_SECONDS)
        except Refusal as refusal:
            if refusal.status == 409 and "already in progress" not in refusal.words:
                raise InstanceRefused(name, refusal.words) from refusal
            if refusal.status not in {404, 409}:
                raise EngineUnavailable(f"the engine would not remove {name}: {refusal}") from refusal

    async def instances(self) -> Population:
        """See `Engine.instances`."""
        return await self._census.population()

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[EngineEvent]]:
        """See `Engine.events`."""
        query = {
            "since": f"{time.time() - OVERLAP_SECONDS:.9f}",
            "filters": {"type": ["container"], "label": [f"{PLATFORM}={self._platform}"], "event": list(EVENTS)},
        }
        async with AsyncExitStack() as stack:
            try:
                chunks = await stack.enter_async_context(self._wire.stream("GET", "events", query=query))
            except Refusal as refusal:
                raise EngineUnavailable(f"the engine would not tell its events: {refusal}") from refusal
            yield self._read_events(chunks)

    async def resolve(self, reference: str) -> Image:
        """See `Images.resolve`."""
        return await self._images.resolve(reference)

    def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[LogPiece]]:
        """See `Logs.logs`."""
        return self._logs.logs(name, since=since, follow=follow, tail=tail)

    def began(self) -> int | None:
        """See `Logs.began`."""
        return self._logs.began()

    async def ended(self, name: str) -> Instance | None:
        """See `Endings.ended`."""
        return await self._endings.ended(name)

    async def execute(self, name: str, command: tuple[str, ...], *, seconds: float) -> Executed:
        """See `Exec.execute`."""
        return await self._exec.execute(name, command, seconds=seconds)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._wire.close()

    async def _read_events(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[EngineEvent]:
        yield EngineEvent("", "connected")
        async for event in json_values(chunks):
            actor = event.get("Actor") or {}
            attributes = actor.get("Attributes") or {}
            code = attributes.get("exitCode", "")
            died = event.get("Action") == "die"
            self._census.told(actor.get("ID", ""))
            if died and code.isdigit():
                self._census.exited(actor.get("ID", ""), int(code))
            ended = datetime.fromtimestamp(event["timeNano"] / 1e9, UTC) if died and "timeNano" in event else None
            yield EngineEvent(attributes.get("name", ""), event.get("Action", ""), ended)
        raise EngineUnavailable("the engine ended its stream of events")

    async def _own(self, name: str) -> dict[str, Any] | None:
        """The container of this name, inspected; None if there is none of this platform."""
        found = await self._look(name)
        return found if found is not None and self._is_ours(found) else None

    async def _look(self, name: str) -> dict[str, Any] | None:
        """The container of this name, whoever's; the engine would find one by its id, too."""
        try:
            found: dict[str, Any] = await self._wire.ask("GET", f"containers/{name}/json")
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise EngineUnavailable(f"the engine would not show {name}: {refusal}") from refusal
        return found if found["Name"] == f"/{name}" else None

    def _is_ours(self, found: dict[str, Any]) -> bool:
        return (found["Config"].get("Labels") or {}).get(PLATFORM) == self._platform

    async def _is_being_made(self, name: str) -> bool:
        """Whether a taken name is our instance's: another start took it, and the engine shows it a moment later."""
        for delay in TAKEN_SECONDS:
            if (found := await self._look(name)) is not None:
                return self._is_ours(found)
            await asyncio.sleep(delay)
        return False

    async def _create(self, spec: InstanceSpec) -> bool:
        """Create it with an address of its own; False if another was faster."""
        address = await self._choose_address(spec)
        body = container.body(
            spec, platform=self._platform, network=self._network.name, address=address, init=self._init
        )
        try:
            await self._wire.ask(
                "POST", "containers/create", query={"name": spec.name}, body=body, seconds=CHANGE_SECONDS
            )
        except Refusal as refusal:
            if refusal.status == 409 and await self._is_being_made(spec.name):
                return False
            if refusal.status == 404 and "image" in refusal.words.lower():
                raise ImageNotFound(spec.image, refusal.words) from refusal
            raise InstanceRefused(spec.name, refusal.words) from refusal
        finally:
            self._promised.discard(address)
        return True

    async def _mend(self, name: str, refusal: Refusal) -> bool:
        """After a refused start: whether another attempt may do. A container that never ran is not left behind."""
        there = await self._own(name)
        gone = refusal.status == 404 and there is None
        lost_network = refusal.status == 404 and there is not None
        if lost_network:
            self._network.forget()
        if there is not None and there["State"]["Status"] == "created":
            with suppress(Refusal):
                await self._wire.ask("DELETE", f"containers/{there['Id']}", query={"v": True}, seconds=CHANGE_SECONDS)
        return gone or lost_network or "address already in use" in refusal.words.lower()

    async def _choose_address(self, spec: InstanceSpec) -> IPv4Address:
        """An address that nobody has, nor is promised, nor had a short while ago. Raises `AddressesExhausted`."""
        async with self._choosing:
            try:
                pool = await self._network.pool()
                query = {"all": True, "filters": {"network": [self._network.name]}}
                rows = await self._wire.ask("GET", "containers/json", query=query)
            except (NetworkRefused, Refusal) as error:
                raise InstanceRefused(spec.name, str(error)) from error
            taken = {address for row in rows if (address := self._address(row["NetworkSettings"]["Networks"]))}
            address = await self._remember(lambda ledger: take(pool, ledger, taken | self._promised, now=time.time()))
            self._promised.add(address)
            return address

    async def _rest(self, there: dict[str, Any]) -> None:
        """Send a container's address to quarantine."""
        address = self._address(there["NetworkSettings"]["Networks"])
        if address is not None:
            now = time.time()
            until = now + self._quarantine_seconds
            await self._remember(lambda ledger: (None, ledger.rested(now).freed(address, until=until)))

    async def _remember(self, change: Callable[[Ledger], tuple[T, Ledger]]) -> T:
        """Change the ledger; while it cannot be written, nothing is started or removed."""
        try:
            return await asyncio.to_thread(self._ledger.change, change)
        except OSError as error:
            raise EngineUnavailable(f"the ledger of addresses cannot be written: {error}") from error

    def _address(self, networks: dict[str, Any] | None) -> IPv4Address | None:
        text = address_of(networks, self._network.name)
        try:
            return IPv4Address(text) if text else None
        except AddressValueError:
            return None


def _has_run(there: dict[str, Any]) -> bool:
    """Whether an inspected container was ever started; also one whose end the engine did not see."""
    return bool(there["State"]["Status"] != "created")
