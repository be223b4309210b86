"""A line that shows that something is going on, and for how long."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_FRAMES = "|/-\\"
PERIOD_SECONDS = 0.1
CLEAR_TO_END = "\x1b[K"  # ECMA-48, 8.3.41


class Ticker:
    """Writes `label`, keeps a wheel and a clock turning behind it, and ends the line.

    What `meanwhile` says at the time stands behind the clock, cut to what fits on the line.

    On a dull output (a pipe) only the label and the end are written. The wheel turns in a thread of its own: it
    shows that the command is alive, whatever the command waits for.
    """

    def __init__(
        self,
        out: TextIO,
        label: str,
        *,
        lively: bool,
        clock: Callable[[], float],
        meanwhile: Callable[[], str] = str,
    ) -> None:
        self._out, self._label, self._lively, self._clock, self._meanwhile = out, label, lively, clock, meanwhile
        self._began = clock()
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._turn, name="ticker", daemon=True)
        encoding = (getattr(out, "encoding", None) or "ascii").lower().replace("-", "")
        self._frames = FRAMES if encoding.startswith("utf") else ASCII_FRAMES

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self._clock() - self._began

    def __enter__(self) -> Self:
        self._out.write(self._label)
        self._out.flush()
        if self._lively:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def above(self, text: str) -> None:
        """A line of its own, above the one that turns; only on a lively output."""
        with self._writing:
            self._out.write(f"\r{CLEAR_TO_END}{text}\n{self._label}")
            self._out.flush()

    def finish(self, text: str) -> None:
        """Stop the clock and end the line with `text`."""
        self._stop()
        self._out.write(f"\r{self._label}{text}{CLEAR_TO_END}\n" if self._lively else f"{text}\n")
        self._out.flush()

    def _stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _turn(self) -> None:
        turn = 0
        while not self._over.wait(PERIOD_SECONDS):
            seconds = self.seconds
            clock = f" {seconds:.0f}s" if seconds >= 1 else ""
            start = f"{self._label}{self._frames[turn % len(self._frames)]}{clock}"
            room = shutil.get_terminal_size().columns - len(start) - 2  # a longer line could not be written over
            said = f" {self._meanwhile()[:room]}" if room > 0 else ""
            with self._writing:
                self._out.write(f"\r{start}{said.rstrip()}{CLEAR_TO_END}")
                self._out.flush()
            turn += 1
