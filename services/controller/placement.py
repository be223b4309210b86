"""Whether there is a node for an app's tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from libs.keyspace.records import Node

NAMED = 8  # nodes that a refusal names; the others are counted


def wrong_with_tags(wanted: Mapping[str, str], nodes: Mapping[str, Node]) -> str | None:
    """Why no present node fits, with what the nodes carry; None where one does, or none is known.

    A node fits that carries every tag: an instance runs on one node.
    """
    if not nodes or any(wanted.items() <= node.tags.items() for node in nodes.values()):
        return None
    listed = [f"{name} ({_words(node.tags) or 'no tags'})" for name, node in sorted(nodes.items())]
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return f"No node carries {_words(wanted)}. The nodes' tags: {', '.join(listed[:NAMED])}{more}"


def _words(tags: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(tags.items()))
