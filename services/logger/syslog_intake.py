"""Where syslog messages go: into the rings of the apps that they name, and each into one of the counts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from libs.loglines import LINE_CAP, Frame, Header
from libs.loglines.line import cut_short
from services.logger.archive import Archive
from services.logger.syslog_framing import Split
from services.logger.syslog_head import OWN, Speaker, is_error, read_head, speaker, time_of

FATES = ("stored", "unknown", "elsewhere", "malformed", "unfinished")

SPEAKERS = 64  # of an app with lines; all further ones are one
APPS = 4096  # whose speakers are remembered

UuidOf = Callable[[str], str | None]
Keeps = Callable[[str], bool]
Named = tuple[bytes, bytes, bytes]  # what a head says of the speaker: the app, the process, the structured data


@dataclass(slots=True)
class Counts:
    """What became of messages since the start: each is in one of the first five."""

    stored: int = 0
    unknown: int = 0  # of an app that there is not
    elsewhere: int = 0  # of an app that another logger keeps
    malformed: int = 0  # no head, or bytes that begin no message
    unfinished: int = 0  # its sender left, or took too long, in its midst
    cut_bytes: int = 0
    bytes: int = 0
    senders: int = 0  # now
    turned_away: int = 0  # senders for whom there was no room


@dataclass(slots=True)
class Lot:
    """Lines of one chunk that have one speaker, as they are stored; where none is: what becomes of the lines."""

    who: Speaker | None
    uuid: str = ""
    fate: str = "stored"
    lines: list[bytes] = field(default_factory=list)


Lots = dict[tuple[str, str], Lot]  # by app uuid and source; those that are not stored by their fate


class Intake:
    """Takes what senders say. `uuid_of` tells an app's uuid, `keeps` whether this logger has an app (by its uuid)."""

    def __init__(self, archive: Archive, uuid_of: UuidOf, keeps: Keeps) -> None:
        self.counts = Counts()
        self._archive = archive
        self._uuid_of = uuid_of
        self._keeps = keeps
        self._speakers: dict[str, set[str]] = {}  # by app uuid: the sources that they have
        self._crowded: set[str] = set()  # apps of which no further speaker gets one in this chunk
        self._reading = secrets.token_hex(8)

    def take(self, split: Split) -> None:
        """Store the messages of a chunk."""
        counts = self.counts
        counts.malformed += split.junk
        received = time.time_ns()
        self._crowded.clear()
        named: dict[Named, Lot] = {}
        lots: Lots = {}
        for index, message in enumerate(split.messages):
            head = read_head(message)
            if head is None:
                counts.malformed += 1
                continue
            text = message[head.end :]
            if text[-1:] in b"\n\r\0":
                text = text.rstrip(b"\n\r\0")
            if b"\n" in text:
                text = text.replace(b"\n", b" ")
            kind = b"e" if is_error(head.severity) else b"o"
            over = split.cut.get(index, 0)
            if over or len(text) > LINE_CAP:
                text, missing = cut_short(text[:LINE_CAP], over + max(len(text) - LINE_CAP, 0))
                counts.cut_bytes += missing
                kind = kind.upper()
            stored = b"%016x%b%b\n" % (time_of(head.stamp, received), kind, text)
            key = (head.app, head.process, head.data)
            if (lot := named.get(key)) is None:
                lot = named[key] = self._lot(key, lots)
            lot.lines.append(stored)
        for lot in lots.values():
            if lot.who is None:
                setattr(counts, lot.fate, getattr(counts, lot.fate) + len(lot.lines))
            else:
                self._store(lot.who, lot.uuid, lot.lines)

    def _lot(self, key: Named, lots: Lots) -> Lot:
        """The lot of those whose heads say this."""
        who = speaker(*key)
        uuid = self._uuid_of(who.app) if who.app else None
        if uuid is None:
            return lots.setdefault(("", "unknown"), Lot(None, fate="unknown"))
        if not self._keeps(uuid):
            return lots.setdefault(("", "elsewhere"), Lot(None, fate="elsewhere"))
        if not self._has_place(who, uuid, lots):
            who = Speaker(who.app, OWN, f"{OWN}:{OWN}", 0)
        return lots.setdefault((uuid, who.instance), Lot(who, uuid))

    def _store(self, who: Speaker, uuid: str, lines: list[bytes]) -> None:
        known = self._archive.known(uuid, who.instance)
        block = b"".join(lines)
        header = Header.model_construct(  # made here, of parts that were looked at
            app=who.app,
            app_uuid=uuid,
            process=who.process,
            instance=who.instance,
            release=who.release,
            reading=self._reading,
            first=known.next if known.reading == self._reading else 0,
            lines=len(lines),
            bytes=len(block),
            position="",
        )
        self.counts.stored += self._archive.take(Frame(header, block)).stored

    def _has_place(self, who: Speaker, uuid: str, lots: Lots) -> bool:
        """Whether a speaker gets a source of its own: they are bounded, and whose lines are all gone makes place."""
        if len(self._speakers) > APPS:
            self._speakers.clear()
        speakers = self._speakers.setdefault(uuid, set())
        if who.instance in speakers:
            return True
        if len(speakers) >= SPEAKERS and uuid not in self._crowded:
            ring = self._archive.ring(who.app, uuid)
            for instance in tuple(speakers):
                source = ring.source(instance) if ring else None
                if (uuid, instance) not in lots and not (source and source.run.lines):
                    speakers.remove(instance)
            self._crowded.add(uuid)
        if len(speakers) >= SPEAKERS:
            return False
        speakers.add(who.instance)
        return True


class IntakeCollector(Collector):
    """The intake's figures on `/metrics`."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """The figures as they are now."""
        counts = self._counts
        messages = CounterMetricFamily(
            "deis_logger_syslog_messages", "Syslog messages by what became of them", labels=("fate",)
        )
        for fate in FATES:
            messages.add_metric((fate,), getattr(counts, fate))
        yield messages
        yield CounterMetricFamily("deis_logger_syslog_bytes", "Bytes that syslog senders sent", value=counts.bytes)
        yield CounterMetricFamily(
            "deis_logger_syslog_cut_bytes", "Bytes of overlong messages that were cut", value=counts.cut_bytes
        )
        yield GaugeMetricFamily("deis_logger_syslog_senders", "Senders that are connected", value=counts.senders)
        yield CounterMetricFamily(
            "deis_logger_syslog_turned_away", "Senders for whom there was no room", value=counts.turned_away
        )
