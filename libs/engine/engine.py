"""The engine seam: verbs on single instances. The engine places and keeps alive; Deis rolls.

An instance is one container of one process of one app. Its name is never used twice. A process that exits is restarted
in place by the engine, with its backoff, until `stop` is called; an instance that runs `once` ends with its process.
Every verb raises `EngineUnavailable` when the engine does not answer in time; then nothing is known, and the call may
or may not have worked: all verbs can be asked again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from libs.keyspace.records.observed import EngineState

State = EngineState


@dataclass(frozen=True, slots=True)
class Limits:
    """What an instance may use; None is no limit."""

    memory: int | None = None  # bytes
    cpu_shares: int | None = None  # relative weight, 2..1024 (as v1's)
    pids: int = 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an instance is; carried as labels by the engine, so that the engine alone can tell it."""

    id: str  # short, unique for ever
    app: str
    app_uuid: str
    type: str
    number: int
    release: int
    generation: int = 0

    @property
    def name(self) -> str:
        """The container's name: v1's `<app>_v<N>.<type>.<number>` with the id behind it."""
        return f"{self.app}_v{self.release}.{self.type}.{self.number}-{self.id}"


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """An instance to run."""

    identity: Identity
    image: str  # a digest or id, as `Images.resolve` answered
    command: tuple[str, ...] | None = None  # None: the image's own
    entrypoint: tuple[str, ...] | None = None  # None: the image's own
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    checks: str = ""  # its probes as JSON (`records.Checks`); empty: none
    limits: Limits = Limits()
    once: bool = False  # it runs to its end and is not restarted; nor is it ever started again under its name
    until: datetime | None = None  # of one that runs once: when it is to end at the latest; kept, not enforced

    @property
    def name(self) -> str:
        """The name that makes `start` idempotent."""
        return self.identity.name


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as the engine has it now."""

    identity: Identity
    name: str
    state: State
    address: str | None = None  # kept for the instance's whole life
    port: int | None = None
    checks: str = ""
    memory: int | None = None  # its limit, bytes
    image: str = ""
    restarts: int = 0
    exit_code: int | None = None  # of the last run; None while the first one runs
    reason: str = ""  # why it is not running: the engine's words, OOM
    started: datetime | None = None
    finished: datetime | None = None
    once: bool = False  # as in its spec
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """A container with the platform's label that cannot be read as an instance: reported, never touched."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Population:
    """Everything that the engine has of this platform."""

    instances: tuple[Instance, ...]
    strangers: tuple[Stranger, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """Something happened to an instance: look again. `name` is empty where everything must be looked at.

    `ended` is when its process ended, where that is what happened, on the clock of `Instance.started`: a run that began
    before is over, although a look may have to wait until the engine has tidied up. An event may be told twice.
    """

    name: str
    action: str  # start, die, destroy, …: the engine's word, for people
    ended: datetime | None = None


class Engine(Protocol):
    """Single instances: start, stop, remove, see."""

    async def start(self, spec: InstanceSpec) -> None:
        """Make it run: create it if its name is new, start it if it is not running, else do nothing.

        One that runs once and has run already is left as it is.

        Raises `ImageNotFound`, `InstanceRefused`, `AddressesExhausted`.
        """
        ...

    async def stop(self, name: str, *, grace: float) -> None:
        """SIGTERM (or the image's own signal), up to `grace` seconds, SIGKILL; it is not restarted.

        An absent or stopped one is fine. Asked again, also by another client, it sends no second signal as far as the
        engine remembers the first, and the grace counts from that.
        """
        ...

    async def remove(self, name: str) -> None:
        """Remove a stopped instance; its address goes to quarantine. An absent one is fine.

        Raises `InstanceRefused` for one that runs.
        """
        ...

    async def instances(self) -> Population:
        """What is there, in any state."""
        ...

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[EngineEvent]]:
        """What happens from now on. The first event, with an empty name, comes once the stream stands.

        Ends only by raising `EngineUnavailable`: open it again, and look at everything.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; instances are left alone."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has."""

    digest: str  # what `InstanceSpec.image` takes
    ports: tuple[int, ...] = ()  # exposed TCP ports, ascending
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


@runtime_checkable
class Images(Protocol):
    """Optional seam: images by reference."""

    async def resolve(self, reference: str) -> Image:
        """The image that the engine has under this name, else pull it. Raises `ImageNotFound`."""
        ...


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A piece of an instance's output, as the engine stored it: at most one line, maybe a part of one."""

    at: int  # the line's own time, ns since the epoch
    stream: Literal["stdout", "stderr"]
    data: bytes  # with its newline, unless more of its line follows


@runtime_checkable
class Logs(Protocol):
    """Optional seam: an instance's output."""

    def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[LogPiece]]:
        """Its output with times >= `since` (ns); ends when the instance stopped and all was read.

        Raises `EngineUnavailable` when the stream broke. An absent instance has none. What one call gives is of one run
        of the engine, as `began` tells it behind the opening.
        """
        ...

    def began(self) -> int | None:
        """When the engine's present run began (ns); None while it does not run, and where that cannot be told.

        What an instance said shortly before may be lost: the engine had taken it, and not stored it yet. No output
        that it took since then has an earlier time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Executed:
    """How a command ended."""

    code: int
    output: str  # the end of what it wrote, both streams, at most 1 KiB


@runtime_checkable
class Endings(Protocol):
    """Optional seam: the end of an instance that runs once."""

    async def ended(self, name: str) -> Instance | None:
        """The instance once it does not run any more (`exit_code` is its process's own); None if it is absent.

        An engine that did not see the end (its host lost its power) says 255; where it has no `finished` either, the
        exit code is not known, whatever `exit_code` says. Waits for ever; an engine that goes away meanwhile raises
        `EngineUnavailable`: ask again.
        """
        ...


@runtime_checkable
class Exec(Protocol):
    """Optional seam: a command in a running instance, without input."""

    async def execute(self, name: str, command: tuple[str, ...], *, seconds: float) -> Executed:
        """Run it as the instance's own process would: its user, environment and folder.

        Raises `ExecTimedOut` after `seconds` from its beginning (it is killed with its children where that can be
        done), `InstanceRefused` where it cannot be run there: no such program, the instance does not run or is absent.
        Who is cancelled meanwhile ends the command, too.
        """
        ...
