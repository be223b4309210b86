"""Steps that a person watches: each is named, timed and told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

console = Console(highlight=False, soft_wrap=True)
complaints = Console(highlight=False, soft_wrap=True, stderr=True)


class Step:
    """A step under way; `detail` is told behind its name when it ends."""

    def __init__(self) -> None:
        self.detail = ""


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Tell the step's name, its duration and its detail when it ends well."""
    began = time.monotonic()
    status = console.status(name) if console.is_terminal else None
    if status:
        status.start()
    one = Step()
    try:
        yield one
    finally:
        if status:
            status.stop()
    console.print(
        f"[green]✓[/green] {name}  [dim]{time.monotonic() - began:.2f} s[/dim]  {escape(one.detail)}".rstrip()
    )
