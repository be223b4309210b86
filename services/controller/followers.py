"""Who follows answers that go on: so many at once and no more, as each holds a connection and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from services.controller.errors import TooManyFollowers
from services.controller.lines import asked_for


class Followers:
    """The places for them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._present: set[int] = set()  # by the identity of their requests

    @contextmanager
    def place(self, request: web.Request) -> Iterator[None]:
        """Hold a place meanwhile, for a request that wants lines; `TooManyFollowers` where none is free.

        It is taken before the request does anything, so who is refused changed nothing.
        """
        if not asked_for(request):
            yield
            return
        if len(self._present) >= self._most:
            raise TooManyFollowers(self._most)
        self._present.add(id(request))
        try:
            yield
        finally:
            self.leave(request)

    def leave(self, request: web.Request) -> None:
        """Give the place to another: nobody reads this one's lines any more, though its change goes on."""
        self._present.discard(id(request))

    def __len__(self) -> int:
        return len(self._present)
