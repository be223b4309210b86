"""The node's own record: who we are, where we are reached, how much room there is."""

from __future__ import annotations

import os
from collections.abc import Mapping

from libs.keyspace.records import Node

MOST_RESERVED = 512 << 20  # bytes: by default, so much at most is kept from the instances


def this_node(address: str, tags: Mapping[str, str], *, reserved: int | None = None) -> Node:
    """This machine, as the scheduler of this process may use it: processors, and bytes of physical memory.

    `reserved` of them are the host's own, the platform's daemons and the engine included; None: `own_share`.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Node(
        address=address,
        cpus=float(len(os.sched_getaffinity(0))),
        memory=memory,
        reserved=own_share(memory) if reserved is None else min(reserved, memory),
        tags=dict(tags),
    )


def own_share(memory: int) -> int:
    """What a host of so much memory keeps for itself: a tenth, but no more than its daemons can need."""
    return min(memory // 10, MOST_RESERVED)
