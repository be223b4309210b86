"""A real HAProxy as its supervisor would run it: a process of its own, that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.router.configure import configure
from services.router.settings import RouterSettings
from tests.support.ports import free_port

DEADLINE = 30.0  # seconds for it to answer, or to go, on a busy machine


class NoHAProxy(RuntimeError):
    """The tests need a HAProxy that they can start, and there is none."""


class HAProxyServer:
    """One HAProxy (master and worker) with the files that the router wrote; `settings` say where and on which port."""

    def __init__(self, settings: RouterSettings) -> None:
        self.program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self.program is None:
            raise NoHAProxy("haproxy is missing; install the Debian package haproxy")
        self.settings = settings
        self.home = settings.router_home
        self.port = settings.router_http_port
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self) -> None:
        """What runs before each start."""
        configure(self.settings)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None, "HAProxy is running already"
        assert self.program is not None
        command = [self.program, "-W", "-db", "-S", f"{self.home}/master.sock", "-f", f"{self.home}/haproxy.cfg"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + DEADLINE
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoHAProxy(f"HAProxy does not answer:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.01)

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self.home / "haproxy.log"

    @property
    def pid(self) -> int:
        """The master's process id."""
        assert self._process is not None, "HAProxy is not running"
        return self._process.pid

    def kill9(self) -> None:
        """End master and workers as a power cut would."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE)
            deadline = time.monotonic() + DEADLINE
            while self.answers() and time.monotonic() < deadline:
                time.sleep(0.01)

    def answers(self) -> bool:
        """Whether somebody answers on the runtime socket."""
        try:
            return self.ask("show version").strip() != ""
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """The answer to one command on the runtime socket."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(f"{self.home}/haproxy.sock")
            sock.sendall(command.encode() + b"\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
            return answer.decode()


@pytest.fixture
def router_settings() -> Iterator[RouterSettings]:
    """A router's settings with a home and a port of its own; the home's path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="deis-router-") as home:
        yield RouterSettings(
            home=Path(home),
            node="node-1",
            domain="example.test",
            store="memory",
            router_bind="127.0.0.1",
            router_http_port=free_port(),
            router_pool=8,
        )


@pytest.fixture
def haproxy(router_settings: RouterSettings) -> Iterator[HAProxyServer]:
    """A HAProxy with an empty picture, that a test may do with as it likes."""
    server = HAProxyServer(router_settings)
    server.configure()
    server.start()
    try:
        yield server
    finally:
        server.kill9()
