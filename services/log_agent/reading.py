"""An instance's output as stored lines, read on from a position: pieces in, stored lines out."""

from __future__ import annotations

from collections.abc import Sequence

from libs.engine.engine import LogPiece
from libs.engine.track import SLACK, Place, Seen, Track
from libs.loglines import LINE_CAP, Kind, encode, shown_time
from libs.loglines.line import LAST
from services.log_agent.joiner import Joined, Joiner
from services.log_agent.outages import Outage
from services.log_agent.position import Position

NEVER = LAST + 1  # later than the time of any line


class Stream:
    """One stream of the output: its pieces joined, and the place behind its last whole line."""

    __slots__ = ("_whole", "begun", "cut", "joiner", "kind", "letter", "said", "track")

    def __init__(self, place: Place, since: int, kind: Kind, cut: Kind) -> None:
        self.track = Track(place, since)
        self.joiner = Joiner()
        self.kind, self.cut, self.letter = kind, cut, kind.value
        self.begun = 0  # the time of the piece that began the open line
        self.said = b""  # the last piece
        self._whole = place  # where a line is open: before it

    def begin(self, at: int, place: Place) -> None:
        """A line begins at a piece of time `at`; before that was `place`."""
        self.begun, self._whole = at, place

    @property
    def place(self) -> Place:
        """Behind the last whole line."""
        return self._whole if self.joiner.open else self.track.place


class Reading:
    """Reads on behind `position` (None: from the begin of what it is given). Ask the engine for times >= `since`."""

    def __init__(self, position: Position | None = None) -> None:
        self._behind = position or Position(0, Place(), Place())
        self.since = self._behind.since
        self._out = Stream(self._behind.out, self.since, Kind.OUT, Kind.OUT_CUT)
        self._err = Stream(self._behind.err, self.since, Kind.ERR, Kind.ERR_CUT)
        self._newest = self._out if self._behind.out.ceiling >= self._behind.err.ceiling else self._err
        self._last: int | None = None  # the time of the last line that came out
        self._born: int | None = None
        self._outages: Sequence[Outage] = ()  # that are still to come
        self._next = NEVER  # the end of the first of them
        self._held: list[bytes] = []  # told before the next line that comes out
        self._rotated = False  # a hole was found
        self.cut = 0  # bytes of overlong lines that were cut
        self.gaps = 0  # holes that were told

    @property
    def position(self) -> Position:
        """Behind every line that came out. A line that has begun and not ended will be read again from here."""
        if self._last is None:
            return self._behind
        streams = (self._out, self._err)
        earliest = min([self._last - SLACK, *(stream.begun for stream in streams if stream.joiner.open)])
        return Position(max(earliest, 0), self._out.place, self._err.place)

    @property
    def open(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._out.joiner.open or self._err.joiner.open

    def expect(self, outages: Sequence[Outage], born: int | None) -> None:
        """Tell of those of the engine's outages that it comes over from here on.

        `born` is when the instance began (ns), where its output is read from there; None where that is not so, and what
        was before the first piece is nobody's concern.
        """
        self._born = born
        self._outages = [one for one in outages if one.until > self._behind.latest]
        self._next = self._outages[0].until if self._outages else NEVER

    def repeats(self, piece: LogPiece) -> bool:
        """Whether a piece may have come before: it is of an earlier time than its stream's last, or all the same.

        A clock that was set back looks like it, and so does a line said twice within a nanosecond; only reading on from
        `position`, where pieces are counted, tells. Equal pieces of one long line are taken as parts of it.
        """
        stream = self._out if piece.stream == "stdout" else self._err
        if piece.at > stream.track.at or not stream.track.found:
            return False
        return piece.at < stream.track.at or (piece.data == stream.said and not stream.joiner.open)

    def add(self, piece: LogPiece) -> list[bytes]:
        """The stored lines that this piece completes."""
        at, data = piece.at, piece.data
        if at >= self._next:
            return self._add_behind_outage(piece)
        stream = self._out if piece.stream == "stdout" else self._err
        track, length = stream.track, len(data)
        stream.said = data
        if (
            track.found
            and data.find(b"\n") == length - 1
            and 0 < length <= LINE_CAP
            and not stream.joiner.open
            and 0 <= at <= LAST
        ):  # a line that is one piece, as by far the most are
            track.step(at)
            self._last = at
            return [b"%016x%b%b" % (at, stream.letter, data)]
        return self._add(stream, at, data)

    def _add_behind_outage(self, piece: LogPiece) -> list[bytes]:
        """The first piece that a further run of the engine took: what its like before it may have lost is told."""
        latest, gaps = self._latest, self.gaps
        crossed = self._cross(piece.at)
        stored = self.add(piece)
        if crossed and self.gaps == gaps:  # what was rotated away is told with times that hold the outage
            self._held.append(self._outage(crossed[0], latest, piece.at))
        if not stored and self._held:
            self._next = 0  # to come here again
        return self._with_held(stored)

    def _with_held(self, stored: list[bytes]) -> list[bytes]:
        """Lines that come out, behind what is told before them: so one position is behind both."""
        if not stored or not self._held:
            return stored
        held, self._held = self._held, []
        self.gaps += len(held)
        return held + stored

    def _cross(self, until: int) -> list[Outage]:
        """Take away the outages that ended up to a time; those are given that the instance saw."""
        crossed = [one for one in self._outages if one.until <= until]
        self._outages = self._outages[len(crossed) :]
        self._next = self._outages[0].until if self._outages else NEVER
        if self._latest:
            return crossed
        return [one for one in crossed if self._born is not None and one.until > self._born]

    @property
    def _latest(self) -> int:
        """The latest time that was read, ns; 0 before the first."""
        return max(self._out.track.ceiling, self._err.track.ceiling)

    def _outage(self, first: Outage, latest: int, until: int) -> bytes:
        """What is told of an outage. Runs that nobody saw may have been in it: it begins where one was seen last."""
        born = self._born or latest
        since = min(latest or born, max(first.since, born))
        times = (shown_time(since), shown_time(until))
        text = (
            b"lines may be missing: the container engine stopped and began again, and what it took between %b and %b"
            b" was perhaps not stored" % times
        )
        return encode(until, Kind.GAP, text)

    def _add(self, stream: Stream, at: int, data: bytes) -> list[bytes]:
        newest_found, before = self._newest.track.found, stream.track.place
        seen = stream.track.take(at)
        if seen is Seen.OLD:
            return []
        stored: list[bytes] = []
        if seen is Seen.NEW_AFTER_LOSS and not newest_found and not self._rotated:
            stored.append(self._gap(at))
        if stream.joiner.open and at != stream.begun:
            stored += self._end(stream, before)
        if not stream.joiner.open:
            stream.begin(at, before)
        stored += self._stored(stream, stream.begun, stream.joiner.add(data))
        if not stream.joiner.open:
            self._last = at
        return stored

    def end(self) -> list[bytes]:
        """The output has ended: the lines whose newline never came."""
        stored: list[bytes] = []
        for stream in (self._out, self._err):
            if stream.joiner.open:
                stored += self._end(stream, stream.track.place)
        return self._with_held(stored)

    def outage_at_end(self, finished: int) -> list[bytes]:
        """The instance stopped (ns), and said nothing behind an outage: its last words may be lost."""
        crossed = [one for one in self._cross(NEVER) if one.since <= finished]
        if not crossed:
            return []
        self.gaps += 1
        return [self._outage(crossed[0], self._latest, max(self._latest, finished))]

    def _end(self, stream: Stream, place: Place) -> list[bytes]:
        """End the open line, whose newline never came: its last piece was at `place`.

        Pieces of one line share its time, so a piece of another time is another line (Docker 20.10's log driver `local`
        does not store the newline of a line of several pieces).
        """
        stored = self._stored(stream, stream.begun, stream.joiner.end())
        self._last = place.at
        return stored

    def _stored(self, stream: Stream, at: int, lines: list[Joined]) -> list[bytes]:
        stored = []
        for text, cut in lines:
            self.cut += cut
            stored.append(encode(at, stream.cut if cut else stream.kind, text))
        return stored

    def _gap(self, until: int) -> bytes:
        """The engine let go of output before it was read; how much, nobody knows."""
        self.gaps += 1
        self._rotated = True
        times = (shown_time(self._behind.latest), shown_time(until))
        text = b"lines may be missing: what was said between %b and %b was rotated away before it was read" % times
        return encode(until, Kind.GAP, text)
