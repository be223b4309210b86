"""What HAProxy tells of its own accord: a server found down, a request that an instance did not answer in time.

The words come as datagrams. HAProxy never waits for us: what does not fit the kernel's queue is lost to us, so a server
found down is looked for in HAProxy's whole state too, and a request that times out is seldom the last one.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

LONGEST = 2048  # bytes; HAProxy cuts a line at 1024
BURST = 10  # lines read at a time: as many as the kernel holds (net.unix.max_dgram_qlen)
PAUSE = 0.01  # seconds after a full burst: a flood of words shall not take the daemon's time

_DOWN = re.compile(r"Server ([\w.:-]+)/([\w.:-]+) is DOWN, reason: (.*?)(?:, info: \"(.*?)\")?, check duration: ")
_FAILED = re.compile(r"([\w.:-]+) ([\w.:-]+) sH (\d+)")


@dataclass(frozen=True, slots=True)
class Failure:
    """An instance failed users' requests. `ago`: seconds since the request came, None where it was a connection."""

    backend: str
    name: str
    reason: str
    ago: float | None = None

    @property
    def down(self) -> bool:
        """Whether HAProxy took the server out by itself."""
        return self.ago is None


def read(line: str) -> Failure | None:
    """The failure that a line tells of; None for a line of anything else."""
    if found := _DOWN.match(line):
        backend, name, reason, detail = found.groups()
        return Failure(backend, name, f"no connection: {(detail or reason).lower()}")
    if found := _FAILED.fullmatch(line.strip()):
        backend, name, milliseconds = found.groups()
        seconds = int(milliseconds) / 1000
        return Failure(backend, name, f"no answer within {int(seconds)} s", ago=seconds)
    return None


async def hear(path: Path, tell: Callable[[list[Failure]], None]) -> None:
    """Listen at a socket of this path for ever; raises `OSError` when it cannot be bound."""
    loop = asyncio.get_running_loop()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        await asyncio.to_thread(_bind, sock, path)
        sock.setblocking(False)
        while True:
            lines = [await loop.sock_recv(sock, LONGEST)]
            with suppress(BlockingIOError):
                while len(lines) < BURST:
                    lines.append(sock.recv(LONGEST))
            if failures := [failure for line in lines if (failure := read(line.decode(errors="replace")))]:
                tell(failures)
            if len(lines) == BURST:
                await asyncio.sleep(PAUSE)


def _bind(sock: socket.socket, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock.bind(str(path))
