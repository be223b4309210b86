"""Who follows answers that go on: so many at once and no more, as each holds a connection and memory.

Of these one user has some at most: with a slow rollout he would keep everybody else out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from services.controller.errors import TooManyFollowers
from services.controller.lines import asked_for

MOST_OF_ONE = 50


class Followers:
    """The places for them."""

    def __init__(self, most: int, of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._of_one = of_one
        self._present: dict[int, str] = {}  # whose, by the identity of their requests

    @contextmanager
    def place(self, request: web.Request, username: str) -> Iterator[None]:
        """Hold a place meanwhile, for a request that wants lines; `TooManyFollowers` where none is free.

        It is taken before the request does anything, so who is refused changed nothing.
        """
        if not asked_for(request):
            yield
            return
        if len(self._present) >= self._most:
            raise TooManyFollowers(f"is followed by {self._most} clients")
        if list(self._present.values()).count(username) >= self._of_one:
            raise TooManyFollowers(f"is followed by {self._of_one} clients of yours")
        self._present[id(request)] = username
        try:
            yield
        finally:
            self.leave(request)

    def leave(self, request: web.Request) -> None:
        """Give the place to another: nobody reads this one's lines any more, though its change goes on."""
        self._present.pop(id(request), None)

    def __len__(self) -> int:
        return len(self._present)
