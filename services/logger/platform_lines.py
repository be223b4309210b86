"""What the platform says about an app: each record below `events/` is a line of its log.

An event's message is a sentence that names who did it, where a user did it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from libs.keyspace.records import Event
from libs.store.mirror import Moved
from services.logger.archive import Archive

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(event: Event) -> int:
    """Its time, ns since the epoch."""
    elapsed = event.at - _EPOCH
    return ((elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1000


def saying(archive: Archive) -> Callable[[Sequence[Moved[Event]]], None]:
    """A mirror's callback that says each new event once: the mirror's first list fills the rings after a restart."""

    def say(changes: Sequence[Moved[Event]]) -> None:
        for change in changes:
            if change.old is None and change.new is not None:
                uuid, _ = change.parts
                for text in change.new.message.splitlines() or [""]:
                    archive.say(change.new.app, uuid, at(change.new), text)

    return say
