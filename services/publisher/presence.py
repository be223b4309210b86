"""The node's own record: who we are, where we are reached, how much room there is."""

from __future__ import annotations

import os
from collections.abc import Mapping

from libs.keyspace.records import Node


def this_node(address: str, tags: Mapping[str, str]) -> Node:
    """This machine, as the scheduler of this process may use it: processors, and bytes of physical memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Node(address=address, cpus=float(len(os.sched_getaffinity(0))), memory=memory, tags=dict(tags))
