"""The agent's figures on `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from services.log_agent.sender import Counts


class AgentCollector(Collector):
    """Every line that was read is sent, double or refused once it was answered for."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The figures as they are now."""
        counts = self._counts
        lines = CounterMetricFamily("deis_log_agent_lines", "Lines by what became of them", labels=("fate",))
        lines.add_metric(("sent",), counts.sent)
        lines.add_metric(("doubles",), counts.doubles)
        lines.add_metric(("refused",), counts.refused)
        yield lines
        yield CounterMetricFamily("deis_log_agent_batches", "Batches that were answered", value=counts.batches)
        yield CounterMetricFamily("deis_log_agent_failed_sends", "Tries without an answer", value=counts.failures)
        yield CounterMetricFamily(
            "deis_log_agent_gaps", "Holes in the engine's files, and outages of the engine", value=counts.gaps
        )
        yield CounterMetricFamily("deis_log_agent_stalls", "Outputs closed while they waited", value=counts.stalls)
        yield CounterMetricFamily(
            "deis_log_agent_silent_streams", "Streams of the engine that said no more", value=counts.silences
        )
        yield CounterMetricFamily("deis_log_agent_cut_bytes", "Bytes cut from overlong lines", value=counts.cut_bytes)
