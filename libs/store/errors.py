"""What can go wrong at the store, named for the fact."""

from __future__ import annotations


class StoreError(Exception):
    """Something about the store."""


class StoreUnavailable(StoreError):
    """The store did not answer, or not in time: the state is unknown, so hold what is."""


class StoreHeld(StoreUnavailable):
    """The store answers, but it is not the one we knew: another cluster id, or a revision that went backwards.

    It is held at the door until an operator accepts it (`deis-daemon accept-store`).
    """


class StaleRevision(StoreError):
    """A compare-and-swap found another revision than the expected one: read again, decide again."""

    def __init__(self, key: str, expected: object) -> None:
        super().__init__(f"{key} is not at the expected revision ({expected}); read it again")
        self.key = key
        self.expected = expected


class HistoryLost(StoreError):
    """A watch cannot go on from its revision (compacted, cleared, restarted): list again."""


class LeaseLost(StoreError):
    """The lease ended: its keys are gone, and others may act in our place."""


class TooLarge(StoreError):
    """The store refuses a value for its size (etcd: a request of more than 1.5 MiB): trying again is of no use."""
