"""Standard output that goes on for long: Ctrl-C ends a write that nobody takes, and a reader that left is noticed."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TextIO

from libs.client.errors import Interrupted

# What a full disk, a quota, a size limit and a failing disk or a terminal that hung up say of a write.
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def breakable(out: TextIO) -> Iterator[None]:
    """Let Ctrl-C break what the body writes; raises `Interrupted`, and what was not written is given up.

    An event loop would wait for the write to end, and a pipe that nobody reads from never lets it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        give_up(out)
        raise Interrupted("") from None
    finally:
        signal.signal(signal.SIGINT, before)


def give_up(out: TextIO) -> None:
    """Write what is still to be written, and all that follows, to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    os.close(nowhere)


@asynccontextmanager
async def while_read(out: TextIO) -> AsyncIterator[None]:
    """Run the body for as long as somebody may read; raises `BrokenPipeError` once nobody does, also while it is idle.

    Only of pipes is it known (poll(2): POLLERR); of anything else, when something is written.
    """
    import asyncio  # noqa: PLC0415 - a twentieth of a second, which only what is followed needs

    try:
        descriptor = out.fileno()
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        is_pipe = False
    if not is_pipe:
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        loop.remove_reader(descriptor)
        task.cancel()

    loop.add_reader(descriptor, leave)
    try:
        yield
    except asyncio.CancelledError:
        if left and not task.uncancel():
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        raise
    finally:
        loop.remove_reader(descriptor)
