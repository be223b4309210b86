"""Ever new apps: the rings are bounded in number and memory, those that are written stay, what went is counted."""

from __future__ import annotations

import gc
import tracemalloc

from libs.loglines import Frame, Header, Kind, encode
from services.logger.archive import Archive, Bounds

LINE = encode(1_700_000_000_000_000_000, Kind.OUT, b"x" * 100)
RINGS = 1000
GROWTH = 64 * 1024  # bytes; a ring of one line alone takes more than two KiB


def say(archive: Archive, app: str, first: int = 0) -> None:
    header = Header(
        app=app,
        app_uuid=f"uuid-{app}",
        process="web.1",
        instance=f"i-{app}",
        release=1,
        reading="r",
        first=first,
        lines=1,
        bytes=len(LINE),
        position="p",
    )
    archive.take(Frame(header, LINE))


def allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_ever_new_apps_take_no_more_memory_than_the_bound_of_rings_and_every_line_that_went_is_counted() -> None:
    archive = Archive(Bounds(rings=RINGS))
    tracemalloc.start()
    try:
        for n in range(4 * RINGS):
            say(archive, f"shop-{n:05}")
            say(archive, "good", n)
        before = allocated()
        for n in range(4 * RINGS, 12 * RINGS):
            say(archive, f"shop-{n:05}")
            if n % 100 == 0:
                say(archive, "good", 4 * RINGS + n // 100 - 40)
        # Those that go, go some at once: the number that is there varies by as much.
        assert allocated() - before < GROWTH + RINGS // 64 * 4096
    finally:
        tracemalloc.stop()
    assert len(archive.rings()) <= RINGS
    good = archive.ring("good")
    assert good is not None
    assert good.lines == 4 * RINGS + 80
    assert archive.ring("shop-00000") is None
    counts = archive.counts
    assert counts.stored == 12 * RINGS + 4 * RINGS + 80
    assert counts.stored == archive.lines() + counts.evicted_by_rings
    assert counts.evicted_by_ring == counts.evicted_by_memory == counts.missing == 0
