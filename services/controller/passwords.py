"""Passwords, hashed with argon2id (RFC 9106) in threads, a few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.controller.errors import NotReady

T = TypeVar("T")

AT_ONCE = 2
MOST_WAITING = 100  # further ones are told to come back


def _always() -> None:
    """Permits."""


class Passwords:
    """Hashes and verifies. Its cost is OWASP's second choice: 19 MiB, two passes, one lane, some 25 ms."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """A password's hash in PHC string form."""
        return await self._aside(lambda: self._hasher.hash(password))

    async def verify(self, hashed: str | None, password: str, *, permit: Callable[[], None] = _always) -> bool:
        """Whether the password has this hash. None stands for nobody's hash: it takes as long, and is false.

        `permit` may raise. It is asked when the hashing is about to begin: of many attempts that come at once it sees
        how the ones before went, but for those that are hashed at the same time (`AT_ONCE`).
        """
        if hashed is None:
            self._nobody = self._nobody or await self.hash("nobody")
        matches = await self._aside(lambda: self._matches(hashed or self._nobody, password), permit)
        return matches and hashed is not None

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _aside(self, work: Callable[[], T], permit: Callable[[], None] = _always) -> T:
        if self._waiting >= MOST_WAITING:
            raise NotReady("Too many log-ins at once; try again soon.")
        self._waiting += 1
        try:
            async with self._turn:
                permit()
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
