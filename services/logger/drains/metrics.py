"""The drains' figures on `/metrics`, all drains of this logger together: `deis drains:info` has each one's."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.logger.drains.keeping import Keeping

Family = CounterMetricFamily | GaugeMetricFamily


class DrainsCollector(Collector):
    """Sums over the drains that run here now; a drain that is handed on takes its own with it."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping

    def collect(self) -> Iterator[Family]:
        """The figures as they are now."""
        states = self._keeping.figures().values()
        yield GaugeMetricFamily("deis_logger_drains", "Drains that run here", value=len(states))
        failing = sum(state.failing is not None for state in states)
        yield GaugeMetricFamily("deis_logger_drains_failing", "Of them, those whose receiver fails", value=failing)
        lines = GaugeMetricFamily("deis_logger_drain_lines", "Lines of these drains by their fate", labels=("fate",))
        for fate in ("sent", "dropped", "waiting"):
            lines.add_metric((fate,), sum(getattr(state, fate) for state in states))
        yield lines
