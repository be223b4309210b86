"""What the platform says about an app: each record below `events/` is a line of its log.

An event's message is a sentence that names who did it, where a user did it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from libs.keyspace.records import Event
from libs.loglines import nanoseconds
from libs.store.mirror import Moved
from services.logger.archive import Archive


def saying(archive: Archive) -> Callable[[Sequence[Moved[Event]]], None]:
    """A mirror's callback that says each new event once: the mirror's first list fills the rings after a restart."""

    def say(changes: Sequence[Moved[Event]]) -> None:
        for change in changes:
            if change.old is None and change.new is not None:
                uuid, _ = change.parts
                for text in change.new.message.splitlines() or [""]:
                    archive.say(change.new.app, uuid, nanoseconds(change.new.at), text)

    return say
