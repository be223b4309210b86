"""Asking the logger until it answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from services.log_agent.logger_client import LoggerAway

FIRST_PAUSE = 0.05  # seconds between two tries; doubled up to LONGEST_PAUSE
LONGEST_PAUSE = 2.0
WORTH_A_WORD = 10  # tries without an answer, about ten seconds: a restart takes less

T = TypeVar("T")

log = structlog.get_logger("log_agent")


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` returns, once it does not raise `LoggerAway`; other errors pass."""
    pause, tries = FIRST_PAUSE, 0
    while True:
        try:
            return await ask()
        except LoggerAway as error:
            tries += 1
            if tries == WORTH_A_WORD:
                log.warning("the logger does not answer; the lines wait where they are", reason=str(error))
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, LONGEST_PAUSE)
