"""The tails' figures on `/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

Family = CounterMetricFamily | GaugeMetricFamily


class TailCounts:
    """What became of readers and of what they were to be told, since the start."""

    def __init__(self) -> None:
        self.bytes = 0
        self.missed = 0  # lines
        self.gaps = 0  # of a number that nobody knows
        self.tickets: Counter[str] = Counter()  # by what became of them
        self.ends: Counter[str] = Counter()  # by the reason that was told

    def miss(self, lines: int | None) -> None:
        """A reader is told that it does not get lines."""
        if lines is None:
            self.gaps += 1
        else:
            self.missed += lines


class TailCollector(Collector):
    """The figures as they are when they are asked for. `count` tells how many tails there are."""

    def __init__(self, counts: TailCounts, count: Callable[[], int]) -> None:
        self._counts = counts
        self._count = count

    def collect(self) -> Iterator[Family]:
        """See `Collector`."""
        counts = self._counts
        yield GaugeMetricFamily("deis_logger_tails", "Readers that follow a log", value=self._count())
        yield CounterMetricFamily("deis_logger_tail_bytes", "Bytes of lines told to readers", value=counts.bytes)
        yield CounterMetricFamily(
            "deis_logger_tail_missed_lines", "Lines that a reader did not get, and was told of", value=counts.missed
        )
        yield CounterMetricFamily(
            "deis_logger_tail_uncounted_gaps", "Times that nobody knows how many lines it missed", value=counts.gaps
        )
        tickets = CounterMetricFamily("deis_logger_tickets", "Tickets by what became of them", labels=("outcome",))
        for outcome, number in sorted(counts.tickets.items()):
            tickets.add_metric((outcome,), number)
        yield tickets
        ends = CounterMetricFamily("deis_logger_tail_ends", "Tails that were ended, by reason", labels=("reason",))
        for reason, number in sorted(counts.ends.items()):
            ends.add_metric((reason,), number)
        yield ends
