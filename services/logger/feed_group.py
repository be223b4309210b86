"""The feeds of a ring that want the same lines: each block is filtered once for all of them.

Lines come here while they are stored, which no reader's pattern may hold up: what looks at their texts is left to the
feeds themselves (`Unsifted`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from libs.loglines.selection import Selection
from services.logger.feed_sieve import Unsifted
from services.logger.ring import Ring, Source
from services.logger.sifting import Sifter, Sifting

MOST_KNOWN = 1024  # instances whose answer to `wants` is kept


class Member(Protocol):
    """A feed as its group sees it."""

    def put(self, source: Source, block: bytes, lines: int, unsifted: Unsifted | None) -> None:
        """Lines that pass, for a feed that is live; `unsifted`, where the pattern has yet to say which of them do."""

    def seek(self, source: Source, block: bytes, lines: int) -> bool:
        """All lines of a source: True when the feed dealt with them, since it knows some of them already."""

    def forgot(self, source: Source) -> None:
        """A source without lines was forgotten."""

    def gone(self) -> None:
        """The ring is no more."""


class Group:
    """Feeds of one ring and one selection. `live` ones get lines as they come; those among `seeking` look first.

    `cheap` is what of the selection is asked at once, `sifter` asks the rest where there is one.
    """

    def __init__(self, ring: Ring, selection: Selection, sifting: Sifting) -> None:
        self.live: dict[Member, None] = {}
        self.seeking: dict[Member, None] = {}
        self._members: dict[Member, None] = {}
        self._ring = ring
        self._selection = selection
        self.cheap = cheap_part(selection)
        self.sifter = None if selection.grep is None else Sifter(sifting, key=ring)
        self._costly = Selection(grep=selection.grep, level=selection.level)
        self._whole = self.cheap.whole
        self._wanted: dict[str, bool] = {}

    @classmethod
    def of(cls, ring: Ring, selection: Selection, sifting: Sifting) -> Group:
        """The ring's group for a selection."""
        group = ring.listeners.get(selection)
        if not isinstance(group, cls):
            group = ring.listeners[selection] = cls(ring, selection, sifting)
        return group

    def join(self, member: Member) -> None:
        """A feed that is to hear of the ring's end; it becomes live by itself."""
        self._members[member] = None

    def leave(self, member: Member) -> None:
        """The feed ends; a group without feeds costs the ring nothing."""
        for members in (self._members, self.live, self.seeking):
            members.pop(member, None)
        if not self._members and self._ring.listeners.get(self._selection) is self:
            del self._ring.listeners[self._selection]

    def offer(self, source: Source, block: bytes, lines: int) -> None:
        """These lines are about to be stored."""
        if not self.live or not self._wants(source):
            return
        passed = block
        members = self.live
        if self.seeking and (dealt := {one for one in tuple(self.seeking) if one.seek(source, block, lines)}):
            members = {one: None for one in members if one not in dealt}
        if not self._whole:
            passed, lines, _ = self.cheap.passing(block, lines)
            if not lines:
                return
        unsifted = self.unsifted(passed, lines)
        for member in members:
            member.put(source, passed, lines, unsifted)

    def unsifted(self, block: bytes, lines: int) -> Unsifted | None:
        """Lines that pass so far, where the pattern has the last word."""
        return None if self.sifter is None else Unsifted(self._costly, block, lines)

    def forgot(self, source: Source) -> None:
        """A source without lines was forgotten."""
        for member in self._members:
            member.forgot(source)

    def gone(self) -> None:
        """The ring is no more."""
        for member in self._members:
            member.gone()

    def _wants(self, source: Source) -> bool:
        wanted = self._wanted.get(source.instance)
        if wanted is None:
            if len(self._wanted) >= MOST_KNOWN:
                self._wanted.clear()
            wanted = self._selection.wants(source.process, source.instance, source.release)
            self._wanted[source.instance] = wanted
        return wanted


def cheap_part(selection: Selection) -> Selection:
    """The same without what costs the more the longer the texts are; all of it where no pattern is to be found."""
    return selection if selection.grep is None else replace(selection, grep=None, level=None)
