"""A daemon as a process of its own, that a test kills and starts again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 30.0  # seconds for a process to go


class DaemonProcess:
    """`deis-daemon NAME` with this environment; what it says is in `log`."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is not ready yet."""
        assert self._process is None, f"{self.name} runs already"
        command = [sys.executable, "-m", "libs.daemon", self.name]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, cwd=Path(__file__).parents[2]
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    def kill9(self) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        ended = process.poll()
        assert ended is None, f"{self.name} ended by itself with {ended}: {self.log.read_text()[-2000:]}"
        process.send_signal(number)
        process.wait(PATIENCE)
