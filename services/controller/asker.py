"""Who asks: the address and the named token of the request under way, for what is told of it afterwards.

Tasks that a request starts tell of it too, for they begin with its context; the daemon's own have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from libs.keyspace.records import EventToken


@dataclass(slots=True)
class Asker:
    """`address` tells the client's; `username` and `token` are known once a named token of that user was shown."""

    address: Callable[[], str]
    username: str = ""
    token: EventToken | None = None


_NOW: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asked(address: Callable[[], str]) -> Iterator[None]:
    """A request is under way meanwhile."""
    before = _NOW.set(Asker(address))
    try:
        yield
    finally:
        _NOW.reset(before)


def shows(username: str, token: EventToken | None) -> None:
    """The request's sender is known; `token`: a named one that it shows."""
    if (asker := _NOW.get()) is not None:
        asker.username, asker.token = username, token


def token_of(by: str) -> EventToken | None:
    """The named token by which this user asks now; None for a login's, and for anybody else."""
    asker = _NOW.get()
    return asker.token if asker is not None and asker.username == by else None


def address() -> str:
    """The client's address, empty where no request is under way."""
    asker = _NOW.get()
    return asker.address() if asker is not None else ""
