"""What was measured: rows with their budgets, as a table for people and JSON beside it."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure; `budget` is the most it may be (0: none is set), in the same unit."""

    bench: str
    what: str
    value: float
    unit: str
    budget: float = 0.0

    @property
    def verdict(self) -> str:
        """Within its budget or by how much over it."""
        if not self.budget:
            return ""
        return "within" if self.value <= self.budget else f"{self.value / self.budget:.1f} x the budget"


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of a non-empty sample."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread(
    bench: str, what: str, values: Sequence[float], unit: str, *, median: float = 0.0, p99: float = 0.0
) -> list[Row]:
    """The rows of a sample: its median, p99 and extremes."""
    return [
        Row(bench, f"{what}, median of {len(values)}", statistics.median(values), unit, median),
        Row(bench, f"{what}, p99", percentile(values, 99), unit, p99),
        Row(bench, f"{what}, fastest", min(values), unit),
        Row(bench, f"{what}, slowest", max(values), unit),
    ]


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table("bench", "what", "value", "budget", "verdict", title="Measured here, now")
    for row in rows:
        budget = f"{row.budget:g} {row.unit}" if row.budget else ""
        table.add_row(row.bench, row.what, f"{row.value:.2f} {row.unit}", budget, row.verdict)
    Console().print(table)


def save(rows: Sequence[Row]) -> Path:
    """Write them as JSON, with the machine and the time; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    body = {
        "machine": {"python": platform.python_version(), "system": platform.platform()},
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(body, indent=2) + "\n")
    return path
