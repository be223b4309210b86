"""Wait for a fact, with a deadline; never for a time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(fact: Callable[[], Awaitable[T | None]], *, within: float = ..., what: str = ...) -> T: ...
@overload
async def eventually(fact: Callable[[], T | None], *, within: float = ..., what: str = ...) -> T: ...
async def eventually(fact: Callable[[], Any], *, within: float = 30.0, what: str = "") -> Any:
    """The fact's value once it is truthy; fails with its last value or error when it is not within the deadline."""
    last: object = None
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    value = fact()
                    found = await value if inspect.isawaitable(value) else value
                except AssertionError as error:
                    last = error
                else:
                    if found:
                        return found
                    last = found
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what or 'the fact'} did not hold within {within} s; last seen: {last!r}") from None
