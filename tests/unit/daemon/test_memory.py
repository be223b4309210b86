"""Memory that goes back to the system."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from libs.daemon import memory
from libs.daemon.supervision import supervise
from tests.support.waiting import eventually

PAGE = 4096  # bytes
MIB = 1024 * 1024


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def test_what_is_free_below_something_in_use_goes_back() -> None:
    pieces = [bytes(1024 + number % 7) for number in range(60_000)]  # each of its own, so below the mapping threshold
    top = bytes(4000)
    del pieces
    gc.collect()
    before = resident()
    memory.give_back()
    assert resident() <= before
    assert len(top) == 4000


async def test_it_is_done_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[None] = []
    monkeypatch.setattr(memory, "EVERY", 0.001)
    monkeypatch.setattr(memory, "give_back", lambda: done.append(None))
    async with supervise(giving=memory.keep_giving_back()):
        await eventually(lambda: len(done) > 2)
        await asyncio.sleep(0)
