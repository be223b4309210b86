"""Memory that the C library keeps, and a long-lived process does without. Where it is not glibc, nothing is done."""

from __future__ import annotations

import asyncio
import ctypes
from functools import cache

EVERY = 30.0  # seconds
M_ARENA_MAX = -8  # malloc.h's


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def share_one_arena() -> None:
    """Let all threads take their memory from one place; call it before there are any.

    They are gRPC's and wait for each other anyway; each would else keep some MiB that it once needed.
    """
    if hasattr(_library(), "mallopt"):
        _library().mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free to the system; the C library by itself keeps what lies below something that is in use."""
    if hasattr(_library(), "malloc_trim"):
        _library().malloc_trim(0)


async def keep_giving_back() -> None:
    """Do so now and then, for ever: what a long list or a large answer took is free soon after."""
    while True:
        await asyncio.sleep(EVERY)
        give_back()
