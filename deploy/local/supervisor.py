"""supervisord, driven over its XML-RPC interface (http://supervisord.org/api.html)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local.settings import LocalSettings

CONFIG = Path(__file__).with_name("supervisord.conf")
STARTUP_LIMIT = 15.0  # seconds
SHUTDOWN_LIMIT = 90.0  # seconds; dockerd takes its time


class SupervisorFailed(Exception):
    """supervisord did not come up or go down in time."""


class Supervisor:
    """The local stack's supervisord."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.socket = settings.home / "run" / "supervisor.sock"

    def _ask(self, method: str, *arguments: Any) -> Any:
        """One call, on a connection of its own."""
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)
        finally:
            transport.close()

    def alive(self) -> bool:
        """It answers."""
        try:
            self._ask("getState")
        except OSError:
            return False
        except Fault as fault:
            return bool(fault.faultCode == Faults.SHUTDOWN_STATE)  # on its way out, but there
        return True

    def launch(self) -> None:
        """Start supervisord in the background, unless it runs already."""
        if self.alive():
            return
        command = [str(Path(sys.executable).with_name("supervisord")), "--configuration", str(CONFIG)]
        started = subprocess.run(  # noqa: S603
            command, env=self.settings.environment(), capture_output=True, text=True, check=False, cwd="/"
        )
        deadline = time.monotonic() + STARTUP_LIMIT
        while not self.alive():
            if started.returncode != 0 or time.monotonic() > deadline:
                said = started.stderr.strip() or started.stdout.strip()
                raise SupervisorFailed(f"supervisord did not start: {said or 'see ' + str(self.settings.home / 'log')}")
            time.sleep(0.05)

    def shutdown(self) -> bool:
        """Stop everything under it, and itself; False when it did not run."""
        if not self.alive():
            return False
        self._ask("shutdown")
        deadline = time.monotonic() + SHUTDOWN_LIMIT
        while self.alive():
            if time.monotonic() > deadline:
                raise SupervisorFailed(f"supervisord did not end within {SHUTDOWN_LIMIT:.0f} s; see its log")
            time.sleep(0.1)
        return True

    def start(self, program: str) -> None:
        """Start a program without waiting for it; one that runs already is fine."""
        with _ignoring(Faults.ALREADY_STARTED):
            self._ask("startProcess", program, False)

    def stop(self, program: str) -> None:
        """Stop a program and wait for its end; one that does not run is fine."""
        with _ignoring(Faults.NOT_RUNNING):
            self._ask("stopProcess", program)

    def programs(self) -> list[dict[str, Any]]:
        """Every program, as `name`, `statename`, `pid`, `description` and more."""
        found: list[dict[str, Any]] = self._ask("getAllProcessInfo")
        return found

    def running(self, program: str) -> bool:
        """It runs, or is about to."""
        return self._state(program) in {"RUNNING", "STARTING", "BACKOFF"}

    def failed(self, program: str) -> bool:
        """It ended, and is not tried again."""
        return self._state(program) in {"FATAL", "EXITED", "STOPPED"}

    def _state(self, program: str) -> str:
        state: str = self._ask("getProcessInfo", program)["statename"]
        return state


@contextlib.contextmanager
def _ignoring(code: int) -> Any:
    try:
        yield
    except Fault as fault:
        if fault.faultCode != code:
            raise
