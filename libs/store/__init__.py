"""The etcd seam: the platform's only shared memory.

`store` is the protocol of six verbs, `drivers/` its implementations (`etcd3`, `memory`; the file's name is the
configured name). Above it, over any driver: `mirror` (a live copy of a prefix), `shelf` (typed documents and
compare-and-swap), `session` (a lease whose loss is an event), `election` (one leader, with an epoch), `guard` (a
restored store is held at the door). A daemon begins with `opening.open_store`.
"""

from libs.store.election import Election
from libs.store.errors import (
    HistoryLost,
    LeaseLost,
    StaleRevision,
    StoreError,
    StoreHeld,
    StoreUnavailable,
    TooLarge,
)
from libs.store.mirror import Mirror, Moved
from libs.store.opening import open_store
from libs.store.session import Session
from libs.store.shelf import Shelf, Stored
from libs.store.store import (
    ABSENT,
    ANY,
    Batch,
    Change,
    Entry,
    Expect,
    Expected,
    Identity,
    Lease,
    Listing,
    Store,
)

__all__ = [
    "ABSENT",
    "ANY",
    "Batch",
    "Change",
    "Election",
    "Entry",
    "Expect",
    "Expected",
    "HistoryLost",
    "Identity",
    "Lease",
    "LeaseLost",
    "Listing",
    "Mirror",
    "Moved",
    "Session",
    "Shelf",
    "StaleRevision",
    "Store",
    "StoreError",
    "StoreHeld",
    "StoreUnavailable",
    "Stored",
    "TooLarge",
    "open_store",
]
