"""Where syslog messages go: into the rings of the apps that they name, and each into one of the counts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
Lots = dict[tuple[bytes, bytes, bytes], list[bytes]]  # stored lines, by what their heads say of the speaker


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


class Intake:
    """Takes what senders say. `uuid_of` tells an app's uuid, `keeps` whether this logger has an app (by its uuid)."""

    def __init__(self, archive: Archive, uuid_of: UuidOf, keeps: Keeps) -> None:
        self.counts = Counts()
        self._archive = archive
        self._uuid_of = uuid_of
        self._keeps = keeps
        self._speakers: dict[str, set[str]] = {}  # by app uuid: the sources that they have
        self._reading = secrets.token_hex(8)

    def take(self, split: Split) -> None:
        """Store the messages of a chunk."""
        counts = self.counts
        counts.malformed += split.junk
        received = time.time_ns()
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
            if (lot := lots.get(key)) is None:
                lots[key] = [stored]
            else:
                lot.append(stored)
        for (app, process, data), lines in lots.items():
            self._store(app, process, data, lines)

    def _store(self, app: bytes, process: bytes, data: bytes, lines: list[bytes]) -> None:
        who = speaker(app, process, data)
        uuid = self._uuid_of(who.app) if who.app else None
        if uuid is None:
            self.counts.unknown += len(lines)
            return
        if not self._keeps(uuid):
            self.counts.elsewhere += len(lines)
            return
        if not self._has_place(who, uuid):
            who = Speaker(who.app, OWN, f"{OWN}:{OWN}", 0)
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

    def _has_place(self, who: Speaker, uuid: str) -> bool:
        """Whether a speaker gets a source of its own: a ring's work grows with its sources, so they are bounded."""
        if len(self._speakers) > APPS:
            self._speakers.clear()
        speakers = self._speakers.setdefault(uuid, set())
        if who.instance not in speakers and len(speakers) >= SPEAKERS:
            ring = self._archive.ring(who.app, uuid)
            sources = [ring.source(instance) for instance in speakers] if ring else []
            speakers.intersection_update(source.instance for source in sources if source and source.run.lines)
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
