"""Steps that need not wait for one another: the store writes of one look between which order does not matter."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from services.controller.deployer.steps import Forget, Retire, Step

LARGEST = 32  # writes at a time


def in_batches(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps in order; retiring records in a row, each a key of its own, come together."""
    batch: list[Step] = []
    for step in steps:
        if batch and not (isinstance(step, Retire | Forget) and isinstance(batch[-1], Retire | Forget)):
            yield batch
            batch = []
        batch.append(step)
        if len(batch) == LARGEST:
            yield batch
            batch = []
    if batch:
        yield batch


async def together(writes: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do them at the same time; raises the first one's error, as if they had been done one after another."""
    try:
        async with asyncio.TaskGroup() as group:
            for write in writes:
                group.create_task(write, name="write of a batch")
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
