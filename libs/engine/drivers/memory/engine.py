"""One client of a host in memory: the seam's verbs, and what a test does to the host and to the line between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

from libs.engine.drivers.memory.host import Behaviour, Commands, Host, Outcome, Row
from libs.engine.engine import EngineEvent, Executed, Image, Instance, InstanceSpec, LogPiece, Population, Stranger
from libs.engine.errors import EngineUnavailable, ExecTimedOut, ImageNotFound, InstanceRefused
from libs.engine.references import normal

EVENTS_KEPT = 1024  # of one stream; a reader that is further behind is cut off, and looks at everything again


class MemoryEngine:
    """An `Engine` with `Images`, `Logs`, `Endings` and `Exec`. What else it has is for tests, and acts at once."""

    def __init__(self, host: Host | None = None, *, platform: str = "deis") -> None:
        self.host = host or Host()
        self.platform = platform
        self.available = True
        self.delay = 0.0  # seconds that every verb takes
        self._failing: dict[str, Exception] = {}  # by verb
        self._streams: list[asyncio.Queue[EngineEvent | None]] = []

    def fork(self, *, platform: str | None = None) -> MemoryEngine:
        """Another client of the same host, that comes and goes on its own."""
        return MemoryEngine(self.host, platform=platform or self.platform)

    async def start(self, spec: InstanceSpec) -> None:
        """See `Engine.start`."""
        await self._answer("start")
        row = self.host.rows.get(spec.name)
        if row is None:
            if spec.image not in {image.digest for image in self.host.images.values()}:
                raise ImageNotFound(spec.image, f"No such image: {spec.image}")
            row = self.host.create(spec, self.platform)
        elif row.platform != self.platform:
            raise InstanceRefused(spec.name, "the name is taken by a container that is not of this platform")
        self.host.launch(row)

    async def stop(self, name: str, *, grace: float) -> None:
        """See `Engine.stop`; a process in memory needs no grace."""
        del grace
        await self._answer("stop")
        if row := self._own(name):
            self.host.halt(row)

    async def remove(self, name: str) -> None:
        """See `Engine.remove`."""
        await self._answer("remove")
        if row := self._own(name):
            if row.up:
                raise InstanceRefused(name, "it runs: stop it before it is removed")
            self.host.drop(row)

    async def instances(self) -> Population:
        """See `Engine.instances`."""
        await self._answer("instances")
        mine = (row.instance for row in self.host.rows.values() if row.platform == self.platform)
        return Population(tuple(mine), tuple(self.host.strangers.get(self.platform, ())))

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[EngineEvent]]:
        """See `Engine.events`."""
        await self._answer("events")
        stream: asyncio.Queue[EngineEvent | None] = asyncio.Queue(EVENTS_KEPT + 1)  # one place more: the end's
        self._streams.append(stream)

        def listen(platform: str, event: EngineEvent) -> None:
            if platform == self.platform and stream in self._streams:
                if stream.qsize() < EVENTS_KEPT:
                    stream.put_nowait(event)
                else:
                    self._break_off(stream)

        async def read() -> AsyncIterator[EngineEvent]:
            yield EngineEvent("", "connected")
            while (event := await stream.get()) is not None:
                yield event
            raise EngineUnavailable("the event stream ended")

        self.host.listeners.append(listen)
        try:
            yield read()
        finally:
            self.host.listeners.remove(listen)
            if stream in self._streams:
                self._streams.remove(stream)

    async def close(self) -> None:
        """See `Engine.close`."""
        for stream in list(self._streams):
            self._break_off(stream)

    async def resolve(self, reference: str) -> Image:
        """See `Images.resolve`; there is no registry behind memory."""
        await self._answer("resolve")
        for name, image in self.host.images.items():
            if image.digest == reference or name == normal(reference):
                return image
        raise ImageNotFound(reference, f"No such image: {normal(reference)}")

    @asynccontextmanager
    async def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[AsyncIterator[LogPiece]]:
        """See `Logs.logs`."""
        await self._answer("logs")
        yield self._read_output(self._own(name), since, follow=follow, tail=tail)

    def began(self) -> int | None:
        """See `Logs.began`; what was said to it, it has."""
        return None

    async def ended(self, name: str) -> Instance | None:
        """See `Endings.ended`."""
        await self._answer("ended")
        while (row := self._own(name)) is not None and (row.up or row.timer is not None):
            await self.host.changed.wait()
            self._check("ended")
        return row.instance if row else None

    async def execute(self, name: str, command: tuple[str, ...], *, seconds: float) -> Executed:
        """See `Exec.execute`; `let_execute` says how it goes."""
        await self._answer("execute")
        row = self._own(name)
        if row is None:
            raise InstanceRefused(name, f"No such container: {name}")
        if row.instance.state != "running":
            raise InstanceRefused(name, f"it is {row.instance.state}")
        if not command:
            raise InstanceRefused(name, "No exec command specified")
        try:
            async with asyncio.timeout(seconds):
                return await self.host.execute(row, command, lambda: self._check("execute"))
        except TimeoutError as error:
            raise ExecTimedOut(name, command, seconds) from error

    async def _read_output(
        self, row: Row | None, since: int, *, follow: bool, tail: int | None
    ) -> AsyncIterator[LogPiece]:
        if row is None:
            return
        at = 0 if tail is None else max(0, len(row.output) - tail)
        while True:
            changed = self.host.changed
            while at < len(row.output):
                piece, at = row.output[at], at + 1
                if piece.at >= since:
                    yield piece
            if not follow or row.instance.state in {"exited", "dead"} or self._own(row.spec.name) is not row:
                return
            await changed.wait()
            self._check("logs")

    # For tests: the host's images, and what befalls its processes and the line to it.

    def add_image(
        self, reference: str, *, ports: tuple[int, ...] = (), behaviour: Behaviour = "well", digest: str = ""
    ) -> Image:
        """Have an image under this name, whose processes behave like this."""
        image = Image(digest=digest or f"sha256:{normal(reference)}", ports=tuple(sorted(ports)))
        self.host.images[normal(reference)] = image
        self.host.behaviours[image.digest] = behaviour
        return image

    def let_execute(self, where: str, how: Outcome | Commands | None) -> None:
        """Say how commands go in an instance (by name; it comes first) or in all of an image (by reference or digest).

        None takes it back. A function is asked with each command, and sees what was executed.
        """
        image = self.host.images.get(normal(where))
        key = where if image is None else image.digest
        if how is None:
            self.host.commands.pop(key, None)
        else:
            self.host.commands[key] = how if callable(how) else (lambda _: how)

    def kill(self, name: str, *, code: int = 137, reason: str = "killed") -> None:
        """The process exits; the host restarts it after its delay, unless it runs once."""
        row = self.host.rows[name]
        if row.instance.state == "running":
            self.host.exit(row, code, reason)

    def vanish(self, name: str) -> None:
        """The container is removed by someone else, running or not."""
        self.host.drop(self.host.rows[name])

    def say(self, name: str, data: bytes, *, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """The process writes a piece of output."""
        self.host.rows[name].output.append(LogPiece(time.time_ns(), stream, data))
        self.host.wake()

    def add_stranger(self, name: str, reason: str = "label io.deis.instance is missing or empty") -> None:
        """A container with the platform's label that is no instance."""
        self.host.strangers.setdefault(self.platform, []).append(Stranger(name, reason))

    def fail_with(self, verb: str, error: Exception | None) -> None:
        """Make a verb of the seam (`start`, `resolve`, …) raise this; None heals it."""
        if error is None:
            self._failing.pop(verb, None)
        else:
            self._failing[verb] = error

    @contextmanager
    def away(self) -> Iterator[None]:
        """While the body runs no verb is answered and streams are broken; processes run on."""
        self.go_away()
        try:
            yield
        finally:
            self.come_back()

    def go_away(self) -> None:
        """The engine does not answer this client any more."""
        self.available = False
        self.break_streams()
        self.host.wake()

    def come_back(self) -> None:
        """It answers again."""
        self.available = True

    def break_streams(self) -> None:
        """End this client's event streams; it can open new ones."""
        for stream in list(self._streams):
            self._break_off(stream)

    def _break_off(self, stream: asyncio.Queue[EngineEvent | None]) -> None:
        self._streams.remove(stream)
        stream.put_nowait(None)

    def _own(self, name: str) -> Row | None:
        row = self.host.rows.get(name)
        return row if row is not None and row.platform == self.platform else None

    async def _answer(self, verb: str) -> None:
        await asyncio.sleep(self.delay)
        self._check(verb)

    def _check(self, verb: str) -> None:
        if not self.available:
            raise EngineUnavailable("the engine in memory is away")
        if verb in self._failing:
            raise self._failing[verb]
