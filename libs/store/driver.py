"""What a driver offers beside the verbs: every answer shown to an inspector before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from libs.store.store import Identity, Store

Judge = Callable[[Identity], None]
Inspect = Callable[[], Judge]
"""Called when a request is about to be sent; returns what is called with the identity that came with its answer.

Either may raise `StoreHeld`. Only identities of linearizable answers are shown: their revision is never lower than one
that anybody saw before the request was sent, unless the store was rewound.
"""


def _ignore(_: Identity) -> None:
    """Let the answer pass."""


def unseen() -> Judge:
    """The inspector of a bare driver: every answer passes."""
    return _ignore


class Driver(Store, Protocol):
    """A store's driver: a module of `libs.store.drivers` with `open_driver(settings) -> Driver`."""

    @property
    def durable(self) -> bool:
        """Whether the store outlives this process, so that it can be known again."""
        ...

    def shown_to(self, inspect: Inspect) -> Store:
        """The same client over the same connection, whose answers `inspect` sees first. It needs no `close`."""
        ...
