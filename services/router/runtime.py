"""One lasting conversation with HAProxy over its runtime socket, in interactive mode.

Interactive, each answer ends in a line break and a prompt, and a line may carry several commands: so a batch costs one
round trip, and the end of the stream is HAProxy's death, seen at once. Source: HAProxy 2.6 management guide, 9.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

PROMPT = b"\n> "
LONGEST_LINE = 8000  # bytes; half of HAProxy's buffer


class HAProxyUnavailable(Exception):
    """HAProxy does not answer on its runtime socket: its state is unknown, traffic may well flow."""


class _Conversation(asyncio.Protocol):
    """Splits the stream into answers; at most one question is open at a time."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._buffer = bytearray()
        self._searched = 0
        self._answers: list[str] = []
        self._expected = 0
        self._done: asyncio.Future[list[str]] | None = None

    def expect(self, answers: int) -> asyncio.Future[list[str]]:
        self._answers, self._expected = [], answers
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(PROMPT, max(0, self._searched - len(PROMPT)))) >= 0:
            self._answers.append(self._buffer[:end].decode(errors="replace"))
            del self._buffer[: end + len(PROMPT)]
            self._searched = 0
        self._searched = len(self._buffer)
        if self._done is not None and not self._done.done() and len(self._answers) >= self._expected:
            self._done.set_result(self._answers)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        if self._done is not None and not self._done.done():
            self._done.set_exception(
                HAProxyUnavailable(f"HAProxy closed its runtime socket ({exc or 'end of stream'})")
            )


class Runtime:
    """The runtime socket at `path`. One caller at a time: `ask` is guarded by a lock. `timeout` is in seconds."""

    def __init__(self, path: Path, *, timeout: float = 5.0) -> None:
        self.path = path
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._conversation = _Conversation()

    @property
    def connected(self) -> bool:
        """Whether a conversation is open."""
        return self._transport is not None and not self._conversation.ended.is_set()

    async def connect(self) -> None:
        """Begin a new conversation; raises `HAProxyUnavailable`."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            self.close()
            try:
                async with asyncio.timeout(self._timeout):
                    transport, conversation = await loop.create_unix_connection(_Conversation, str(self.path))
                    self._transport, self._conversation = transport, conversation
                    await self._exchange(["prompt"])
            except (OSError, TimeoutError) as error:
                self.close()
                raise HAProxyUnavailable(f"no answer at {self.path}: {error!r}") from error
            except BaseException:
                self.close()
                raise

    async def ended(self) -> None:
        """Wait for the end of the present conversation."""
        await self._conversation.ended.wait()

    def close(self) -> None:
        """End the conversation, if there is one."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def ask(self, commands: Sequence[str]) -> list[str]:
        """The answers, one for each command, in order; raises `HAProxyUnavailable`: then some may have been done."""
        answers: list[str] = []
        async with self._lock:
            if not self.connected:
                raise HAProxyUnavailable(f"not connected to {self.path}")
            try:
                for batch in _batches(commands):
                    async with asyncio.timeout(self._timeout):
                        answers += await self._exchange(batch)
            except TimeoutError as error:
                self.close()
                raise HAProxyUnavailable(f"no answer at {self.path} within {self._timeout:g} s") from error
            except asyncio.CancelledError:
                self.close()  # the answers still to come would be taken for those of the next question
                raise
        return answers

    async def _exchange(self, batch: Sequence[str]) -> list[str]:
        assert self._transport is not None
        answers = self._conversation.expect(len(batch))
        self._transport.write(";".join(batch).encode() + b"\n")
        heard = await answers
        if len(heard) != len(batch):
            self.close()
            raise HAProxyUnavailable(f"{len(heard)} answers to {len(batch)} commands at {self.path}")
        return heard


def _batches(commands: Sequence[str]) -> Iterator[list[str]]:
    """Commands in groups that fit one line."""
    batch: list[str] = []
    size = 0
    for command in commands:
        if batch and size + len(command) + 1 > LONGEST_LINE:
            yield batch
            batch, size = [], 0
        batch.append(command)
        size += len(command) + 1
    if batch:
        yield batch
