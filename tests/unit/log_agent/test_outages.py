"""Outages of the engine: seen, kept, and told where a reading comes over them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from libs.engine import LogPiece
from libs.engine.drivers.memory import MemoryEngine
from libs.loglines import Kind, lines_of
from services.log_agent import outages
from services.log_agent.outages import Outage, Outages
from services.log_agent.reading import Reading

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND


class AnEngine(MemoryEngine):
    """One whose runs the test tells."""

    run: int | None = BEGIN

    def began(self) -> int | None:
        return self.run


@dataclass
class Watch:
    """A clock that the test sets."""

    now: int = BEGIN + 5 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log_agent" / "outages.json"


def test_a_further_run_of_the_engine_is_an_outage_since_the_old_one_was_seen_last(path: Path) -> None:
    engine, watch = AnEngine(), Watch()
    looker = Outages(path, engine, watch)
    looker.look()
    watch.now = BEGIN + 60 * SECOND
    first = looker.look()
    engine.run = None
    watch.now = BEGIN + 70 * SECOND
    assert looker.look() == first  # it is away: nothing is known yet
    engine.run = BEGIN + 80 * SECOND
    assert looker.look() == (*first, Outage(BEGIN + 60 * SECOND, BEGIN + 80 * SECOND))
    assert looker.look() == (*first, Outage(BEGIN + 60 * SECOND, BEGIN + 80 * SECOND))


def test_what_was_before_the_first_look_is_an_outage_of_unknown_length(path: Path) -> None:
    assert Outages(path, AnEngine(), Watch()).look() == (Outage(0, BEGIN),)


def test_an_engine_that_cannot_tell_has_none(path: Path) -> None:
    assert Outages(path, MemoryEngine(), Watch()).look() == ()
    assert not path.exists()


def test_what_was_seen_outlives_the_agent(path: Path) -> None:
    engine, watch = AnEngine(), Watch()
    Outages(path, engine, watch).look()
    engine.run = BEGIN + 3600 * SECOND
    known = Outages(path, engine, watch).look()
    assert known == (Outage(0, BEGIN), Outage(BEGIN + 5 * SECOND, BEGIN + 3600 * SECOND))
    assert Outages(path, engine, watch).look() == known
    assert [entry.name for entry in path.parent.iterdir()] == ["outages.json"]


def test_where_the_clock_was_set_back_meanwhile_it_ends_where_that_has_caught_up(path: Path) -> None:
    engine, watch = AnEngine(), Watch()
    looker = Outages(path, engine, watch)
    looker.look()
    engine.run, watch.now = BEGIN - 100 * SECOND, BEGIN - 90 * SECOND
    assert looker.look() == (Outage(0, BEGIN), Outage(BEGIN + 5 * SECOND, BEGIN + 5 * SECOND))
    engine.run = BEGIN - 50 * SECOND
    *_, last = looker.look()
    assert [one.until - BEGIN for one in looker.look()] == [-50 * SECOND, 0, 5 * SECOND]
    assert last.until == BEGIN + 5 * SECOND


def test_a_look_that_finds_nothing_new_writes_once_a_minute(path: Path) -> None:
    watch = Watch()
    looker = Outages(path, AnEngine(), watch)
    looker.look()
    path.unlink()
    watch.now += 59 * SECOND
    looker.look()
    assert not path.exists()
    watch.now += 1 * SECOND
    looker.look()
    assert path.exists()


def test_of_very_many_outages_the_oldest_become_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "MOST", 3)
    engine, watch = AnEngine(), Watch()
    looker = Outages(path, engine, watch)
    looker.look()
    for minute in range(1, 5):
        engine.run = watch.now = BEGIN + minute * 60 * SECOND
        looker.look()
    minutes = [((one.since - BEGIN) // SECOND // 60, (one.until - BEGIN) // SECOND // 60) for one in looker.look()]
    assert minutes[1:] == [(2, 3), (3, 4)]
    assert looker.look()[0] == Outage(0, BEGIN + 2 * 60 * SECOND)


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff\xfe", b'{"outages": 1}', b'{"outages": [[1]]}', b"null"])
def test_a_damaged_file_is_as_good_as_none(path: Path, junk: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(junk)
    assert Outages(path, AnEngine(), Watch()).look() == (Outage(0, BEGIN),)


def test_a_disk_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "log_agent").write_text("no folder")
    looker = Outages(tmp_path / "log_agent" / "outages.json", AnEngine(), Watch())
    assert looker.look() == (Outage(0, BEGIN),)


# What a reading tells of them.

OUTAGE = Outage(BEGIN + 10 * SECOND, BEGIN + 20 * SECOND)


def read(reading: Reading, *seconds: int) -> list[tuple[Kind, bytes]]:
    stored = [
        line
        for second in seconds
        for line in reading.add(LogPiece(BEGIN + second * SECOND, "stdout", b"%d\n" % second))
    ]
    return [(line.kind, line.text) for line in lines_of(b"".join(stored))]


def expecting(*outages: Outage, born: int | None = 0, behind: Reading | None = None) -> Reading:
    reading = Reading(behind.position if behind else None)
    reading.expect(outages, None if born is None else BEGIN + born * SECOND)
    return reading


def said(*seconds: int) -> list[tuple[Kind, bytes]]:
    return [(Kind.OUT, b"%d" % second) for second in seconds]


def gap(since: str, until: str) -> tuple[Kind, bytes]:
    text = (
        f"lines may be missing: the container engine stopped and began again, and what it took between"
        f" 2023-11-14T22:{since}UTC and 2023-11-14T22:{until}UTC was perhaps not stored"
    )
    return Kind.GAP, text.encode()


def test_an_outage_is_told_once_where_the_new_run_begins() -> None:
    reading = expecting(OUTAGE)
    assert read(reading, 1, 9, 21, 22) == [*said(1, 9), gap("13:29", "13:41"), *said(21, 22)]
    assert reading.gaps == 1


def test_who_reads_on_behind_it_tells_it_no_more_and_who_reads_on_before_it_does() -> None:
    reading = expecting(OUTAGE)
    read(reading, 9)
    before = expecting(OUTAGE, behind=reading)
    assert read(before, 9, 21) == [gap("13:29", "13:41"), *said(21)]
    assert read(expecting(OUTAGE, behind=before), 21, 22) == said(22)


def test_runs_that_nobody_saw_are_within_the_times_that_are_told() -> None:
    # The line at 15 was said in a run between, of which nobody knows when it began.
    assert read(expecting(OUTAGE), 9, 15, 21) == [*said(9, 15), gap("13:30", "13:41"), *said(21)]
    assert read(expecting(Outage(0, OUTAGE.until)), 9, 21) == [*said(9), gap("13:20", "13:41"), *said(21)]


def test_several_outages_without_a_line_between_are_told_as_one() -> None:
    later = Outage(BEGIN + 25 * SECOND, BEGIN + 30 * SECOND)
    assert read(expecting(OUTAGE, later), 9, 31) == [*said(9), gap("13:29", "13:51"), *said(31)]
    assert read(expecting(OUTAGE, later), 9, 21, 31) == [
        *said(9),
        gap("13:29", "13:41"),
        *said(21),
        gap("13:41", "13:51"),
        *said(31),
    ]


def test_an_instance_that_began_behind_it_knows_of_none() -> None:
    assert read(expecting(OUTAGE, born=20), 21) == said(21)


def test_an_instance_whose_first_words_may_be_lost_is_told_so() -> None:
    assert read(expecting(OUTAGE, born=8), 21) == [gap("13:28", "13:41"), *said(21)]


def test_of_what_was_before_the_part_that_is_read_nothing_is_told() -> None:
    assert read(expecting(OUTAGE, born=None), 21) == said(21)
    assert read(expecting(OUTAGE, born=None), 9, 21) == [*said(9), gap("13:29", "13:41"), *said(21)]


def test_a_hole_in_the_files_is_told_with_times_that_hold_the_outage() -> None:
    first = expecting()
    read(first, 9)
    stored = read(expecting(OUTAGE, behind=first), 21)
    assert len(stored) == 2
    assert b"rotated away" in stored[0][1]
    assert b"22:13:29UTC and 2023-11-14T22:13:41UTC" in stored[0][1]


def test_an_outage_before_a_long_line_is_told_with_that_so_that_who_reads_on_tells_it_once() -> None:
    reading = expecting(OUTAGE)
    read(reading, 9)
    assert reading.add(LogPiece(BEGIN + 21 * SECOND, "stdout", b"long ")) == []
    assert reading.gaps == 0
    again = expecting(OUTAGE, behind=reading)
    assert read(again, 9) == []
    assert again.add(LogPiece(BEGIN + 21 * SECOND, "stdout", b"long ")) == []
    stored = again.add(LogPiece(BEGIN + 21 * SECOND, "stdout", b"line\n"))
    assert [(line.kind, line.text) for line in lines_of(b"".join(stored))] == [
        gap("13:29", "13:41"),
        (Kind.OUT, b"long line"),
    ]
    assert again.gaps == 1
    assert read(again, 22) == said(22)
    cut_short = expecting(OUTAGE, behind=reading)
    assert read(cut_short, 9) == []
    cut_short.add(LogPiece(BEGIN + 21 * SECOND, "stdout", b"long "))
    stored = cut_short.end()
    assert [line.kind for line in lines_of(b"".join(stored))] == [Kind.GAP, Kind.OUT]


def test_last_words_that_may_be_lost_are_told() -> None:
    reading = expecting(OUTAGE)
    read(reading, 9)
    (line,) = lines_of(b"".join(reading.outage_at_end(BEGIN + 12 * SECOND)))
    assert (line.kind, line.text) == gap("13:29", "13:32")
    assert reading.outage_at_end(BEGIN + 12 * SECOND) == []


def test_an_instance_that_ended_before_the_outage_lost_no_last_words() -> None:
    reading = expecting(OUTAGE)
    read(reading, 8)
    assert reading.outage_at_end(BEGIN + 9 * SECOND) == []
