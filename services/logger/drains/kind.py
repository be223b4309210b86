"""What a kind of drain is: a file in `kinds/` that knows how lines reach a receiver of its schemes."""

from __future__ import annotations

import importlib
import pkgutil
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from services.logger.drains import kinds
from services.logger.drains.lot import Lot
from services.logger.drains.names import Names
from services.logger.drains.reasons import reason_of
from services.logger.drains.rendering import Layout
from services.logger.drains.way import Way, trust


class Away(Exception):
    """The receiver did not take what it was sent, or nobody knows: it is to be sent again.

    `pause`: the receiver itself asked for so many seconds until then.
    """

    def __init__(self, reason: str, *, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class Refused(Exception):
    """The receiver will never take this batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that travel together; `id` is the same each time they are sent."""

    id: str
    lots: tuple[Lot, ...]

    @property
    def lines(self) -> int:
        """All, those without a number too."""
        return sum(lot.lines for lot in self.lots)


@dataclass(frozen=True)
class Target:
    """Where a drain's lines go, and what it takes to be let in there."""

    url: str
    token: str
    app: str = ""  # whose it is; empty: the platform's
    user_info: str = field(default="", repr=False)  # `user:password`, percent-encoded
    client_certificate: str = ""  # PEM
    client_key: str = field(default="", repr=False)  # PEM
    ca: str = ""  # PEM; empty: the host's


@dataclass(frozen=True)
class Terms:
    """What all drains have in common."""

    way: Way  # to a receiver
    names: Names = field(default_factory=Names)
    connect_seconds: float = 10.0
    stall_seconds: float = 30.0  # in which a receiver must take something
    settle_seconds: float = 1.0  # in which a connection that breaks makes what it took doubtful


@dataclass(frozen=True, slots=True)
class Pace:
    """How much goes at a time: about so many bytes of lines, or what came within so many seconds."""

    size: int
    linger: float


class Connection(Protocol):
    """A receiver that takes batches, one after another."""

    async def send(self, batch: Batch) -> None:
        """Hand it over; raises `Away`, `Refused`."""
        ...

    def settled(self) -> int:
        """How many further ones of those that were sent are known to have arrived, in their order."""
        ...

    @property
    def lost(self) -> str:
        """Why nothing more goes this way; empty: it does. Nothing settles after it."""
        ...


class Kind(Protocol):
    """The face of a module in `kinds/`."""

    SCHEMES: tuple[str, ...]
    PACE: Pace

    def layout(self, layout: Layout) -> Layout:
        """The layout as it is of this kind."""
        ...

    def connect(
        self, target: Target, layout: Layout, terms: Terms, wake: Callable[[], None]
    ) -> AbstractAsyncContextManager[Connection]:
        """A connection while the body runs; raises `Away`. `wake` is called when it was lost."""
        ...


async def trusted(target: Target) -> ssl.SSLContext:
    """Whom a drain trusts, and what it shows; raises `Away` where its certificates are of no use."""
    try:
        return await trust(target.ca, target.client_certificate, target.client_key)
    except (OSError, ValueError) as error:
        raise Away(f"the drain's certificates cannot be used: {reason_of(error)}") from error


@cache
def _kinds() -> dict[str, Kind]:
    modules = [
        importlib.import_module(f"{kinds.__name__}.{found.name}") for found in pkgutil.iter_modules(kinds.__path__)
    ]
    return {scheme: module for module in modules for scheme in module.SCHEMES}


def kind_of(url: str) -> Kind:
    """The kind of a URL; raises `Away`, as a later release may know it."""
    scheme = url.partition("://")[0]
    found = _kinds().get(scheme)
    if found is None:
        raise Away(f"this logger knows no drain of {scheme}://; it knows {', '.join(sorted(_kinds()))}")
    return found
