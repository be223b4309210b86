"""The logger's figures on `/metrics`, read from the archive when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.logger.archive import Archive

Family = CounterMetricFamily | GaugeMetricFamily


class ArchiveCollector(Collector):
    """Every line is in one counter: it came and was stored, double, platform or refused; or never came: missing.

    What is kept is stored + platform + holes - evicted - deleted.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def collect(self) -> Iterator[Family]:
        """The figures as they are now."""
        counts = self._archive.counts
        lines = CounterMetricFamily("deis_logger_lines", "Lines by what became of them", labels=("fate",))
        for fate in ("stored", "doubles", "missing", "refused", "platform", "holes"):
            lines.add_metric((fate,), getattr(counts, fate))
        yield lines
        evicted = CounterMetricFamily("deis_logger_evicted_lines", "Stored lines that made room", labels=("bound",))
        evicted.add_metric(("ring",), counts.evicted_by_ring)
        evicted.add_metric(("memory",), counts.evicted_by_memory)
        evicted.add_metric(("rings",), counts.evicted_by_rings)
        yield evicted
        yield CounterMetricFamily(
            "deis_logger_deleted_lines", "Lines that went with their app, or by a DELETE", value=counts.deleted
        )
        yield CounterMetricFamily("deis_logger_ingested_bytes", "Bytes of lines that came", value=counts.bytes)
        yield GaugeMetricFamily("deis_logger_kept_bytes", "Memory that the rings take", value=self._archive.weight)
        yield GaugeMetricFamily("deis_logger_kept_lines", "Lines in the rings", value=self._archive.lines())
        yield GaugeMetricFamily("deis_logger_rings", "Apps that have a ring", value=len(self._archive.rings()))
