"""The host behind the engine in memory: rows that go through the containers' states by the event loop's clock.

created → running → (exits) → restarting → running …, and exited once `halt` was called. What runs once exits for good.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from libs.engine.addresses import Ledger, Pool, take
from libs.engine.engine import EngineEvent, Executed, Image, Instance, InstanceSpec, LogPiece, State, Stranger
from libs.engine.errors import InstanceRefused
from libs.engine.output import tail

Behaviour = Literal["well", "slow", "never", "crash"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command goes that is executed in an instance."""

    code: int = 0
    output: str = ""
    seconds: float = 0.0  # that it takes; `math.inf`: it never ends
    refused: str = ""  # why it cannot be run; empty: it can


Commands = Callable[[tuple[str, ...]], Outcome]

LONGEST_RESTART_DELAY = 60.0  # seconds, as Docker's


@dataclass
class Row:
    """One container."""

    platform: str
    spec: InstanceSpec
    instance: Instance
    wanted: bool = True  # False once it was stopped
    output: list[LogPiece] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    @property
    def up(self) -> bool:
        """It runs, or the host will run it again by itself."""
        return self.instance.state in {"running", "restarting"}


@dataclass
class Host:
    """What the engines of one host share: images, containers, addresses, and who listens.

    `behaviours` say how the processes of an image misbehave: `slow` runs only after `slow_seconds`, `never` stays
    created for ever, `crash` exits with 1 as soon as it runs, again and again. `commands` say how what is executed
    goes, by instance name or image digest; without one, nothing can be executed.
    """

    subnet: IPv4Network = field(default_factory=lambda: IPv4Network("10.99.0.0/16"))
    quarantine_seconds: float = 300.0
    restart_delay: float = 0.05  # seconds; doubles with each exit
    slow_seconds: float = 0.2
    images: dict[str, Image] = field(default_factory=dict)  # by normal reference
    behaviours: dict[str, Behaviour] = field(default_factory=dict)  # by digest
    commands: dict[str, Commands] = field(default_factory=dict)  # by instance name, or digest
    executing: int = 0  # commands under way
    rows: dict[str, Row] = field(default_factory=dict)  # by container name
    strangers: dict[str, list[Stranger]] = field(default_factory=dict)  # by platform
    ledger: Ledger = field(default_factory=Ledger)
    listeners: list[Callable[[str, EngineEvent], None]] = field(default_factory=list)  # platform, event
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # a new one after each change

    def create(self, spec: InstanceSpec, platform: str) -> Row:
        """A new row in state created, with an address. Raises `AddressesExhausted`."""
        taken = {IPv4Address(row.instance.address) for row in self.rows.values() if row.instance.address}
        pool = Pool(self.subnet, gateway=self.subnet.network_address + 1)
        address, self.ledger = take(pool, self.ledger, taken, now=time.time())
        seen = Instance(
            identity=spec.identity,
            name=spec.name,
            state="created",
            address=str(address),
            port=spec.port,
            checks=spec.checks,
            memory=spec.limits.memory,
            image=spec.image,
            once=spec.once,
            until=spec.until if spec.once else None,
        )
        row = self.rows[spec.name] = Row(platform, spec, seen)
        self.tell(row, "create")
        return row

    def launch(self, row: Row) -> None:
        """Make it run, in the way of its image; one that is up or about to be is left alone."""
        row.wanted = True
        if row.up or row.timer is not None or (row.spec.once and row.instance.state != "created"):
            return
        match self.behaviours.get(row.spec.image, "well"):
            case "never":
                pass
            case "slow":
                self._run_later(row, self.slow_seconds)
            case _:
                self._run(row)

    def exit(self, row: Row, code: int, reason: str) -> None:
        """Its process ends by itself: it is restarted after a delay, unless it runs once."""
        if row.spec.once:
            self._end(row, "exited", code, reason)
            return
        delay = min(self.restart_delay * 2 ** min(row.instance.restarts, 20), LONGEST_RESTART_DELAY)
        self._end(row, "restarting", code, reason)
        row.instance = replace(row.instance, restarts=row.instance.restarts + 1)
        self._run_later(row, delay)

    def halt(self, row: Row, code: int = 0) -> None:
        """Stop it, for good."""
        row.wanted = False
        if row.timer is not None:
            row.timer.cancel()
            row.timer = None
        if row.instance.state == "running":
            self._end(row, "exited", code, "")
        elif row.instance.state == "restarting":
            row.instance = replace(row.instance, state="exited")
            self.wake()

    def drop(self, row: Row) -> None:
        """Take it away, and let its address rest."""
        self.halt(row, code=137)
        del self.rows[row.spec.name]
        if row.instance.address is not None:
            until = time.time() + self.quarantine_seconds
            self.ledger = self.ledger.freed(IPv4Address(row.instance.address), until=until)
        self.tell(row, "destroy")

    def tell(self, row: Row, action: str) -> None:
        """Tell everybody who listens."""
        event = EngineEvent(row.spec.name, action, ended=row.instance.finished if action == "die" else None)
        for listener in list(self.listeners):
            listener(row.platform, event)
        self.wake()

    async def execute(self, row: Row, command: tuple[str, ...], check: Callable[[], None]) -> Executed:
        """Run a command in a running instance; the end of that run is the command's end, too.

        `check` raises where the one who asked cannot hear the answer. Raises `InstanceRefused`.
        """
        how = self.commands.get(row.spec.name) or self.commands.get(row.spec.image)
        outcome = how(command) if how else Outcome(refused=f'exec: "{command[0]}": executable file not found in $PATH')
        if outcome.refused:
            raise InstanceRefused(row.spec.name, outcome.refused)
        run, end = row.instance.started, asyncio.get_running_loop().time() + outcome.seconds
        self.executing += 1
        try:
            while (row.instance.state, row.instance.started) == ("running", run):
                try:
                    async with asyncio.timeout_at(None if math.isinf(end) else end):
                        await self.changed.wait()
                    check()
                except TimeoutError:
                    return Executed(outcome.code, tail(outcome.output.encode()))
        finally:
            self.executing -= 1
        return Executed(137, tail(outcome.output.encode()))

    def wake(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    def _run(self, row: Row) -> None:
        row.timer = None
        row.instance = replace(row.instance, state="running", started=datetime.now(UTC), finished=None, reason="")
        self.tell(row, "start")
        if self.behaviours.get(row.spec.image) == "crash":
            self.exit(row, 1, "exited with code 1")

    def _run_later(self, row: Row, delay: float) -> None:
        row.timer = asyncio.get_running_loop().call_later(delay, self._run, row)

    def _end(self, row: Row, state: State, code: int, reason: str) -> None:
        row.instance = replace(row.instance, state=state, exit_code=code, reason=reason, finished=datetime.now(UTC))
        self.tell(row, "die")
