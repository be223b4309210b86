"""A real etcd of the tests' own, on free ports, that can be killed, wiped, restored and started again."""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port

DEADLINE = 60.0  # seconds for a server to answer, or to go, on a busy machine


class NoEtcd(RuntimeError):
    """The tests need an etcd that they can start, and there is none."""


class EtcdServer:
    """One member of a cluster of its own; `endpoint` is its `host:port`, also after a restart.

    `flags` are further flags of etcd. Every method waits until it is true. What was started ends by `stop` or `kill9`.
    """

    def __init__(self, root: Path, *flags: str, scheme: str = "http") -> None:
        for program in ("etcd", "etcdctl"):
            if shutil.which(program) is None:
                raise NoEtcd(f"{program} is missing; install the Debian packages etcd-server and etcd-client")
        self.root = root
        self.data = root / "data"
        self.port = free_port()
        self.endpoint = f"127.0.0.1:{self.port}"
        self.url = f"{scheme}://{self.endpoint}"
        self._peer = f"http://127.0.0.1:{free_port()}"
        self._flags = flags
        self._ready = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None, "etcd is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it with the data that it has, and wait until it answers."""
        assert self._process is None, "etcd is running already"
        self.root.mkdir(parents=True, exist_ok=True)
        command = [
            *("etcd", "--name", "tests", "--data-dir", str(self.data)),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-metrics-urls", f"http://127.0.0.1:{self._ready}"),
            *("--listen-peer-urls", self._peer, "--initial-advertise-peer-urls", self._peer),
            *("--initial-cluster", f"tests={self._peer}"),
            *("--heartbeat-interval", "20", "--election-timeout", "200"),
            *("--logger", "zap", "--log-outputs", "stderr", "--log-level", "warn", *self._flags),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoEtcd(f"etcd does not answer on {self.url}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self.root / "etcd.log"

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again with its data."""
        self.kill9()
        self.start()

    def wipe(self) -> None:
        """Start it again with nothing: the same name and peers, so the same cluster id, and revision 1."""
        self.kill9()
        shutil.rmtree(self.data)
        self.start()

    def snapshot(self) -> Path:
        """A snapshot of its content now."""
        number = len(list(self.root.glob("snapshot-*.db")))
        path = self.root / f"snapshot-{number}.db"
        self.ctl("snapshot", "save", str(path))
        return path

    def restore(self, snapshot: Path) -> None:
        """Start it again with a snapshot's content."""
        self.kill9()
        shutil.rmtree(self.data)
        self.ctl(
            *("snapshot", "restore", str(snapshot), "--data-dir", str(self.data), "--name", "tests"),
            *("--initial-cluster", f"tests={self._peer}", "--initial-advertise-peer-urls", self._peer),
        )
        self.start()

    def ctl(self, *arguments: str) -> str:
        """The output of `etcdctl`."""
        done = subprocess.run(
            ["etcdctl", "--endpoints", self.url, *arguments],
            env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, f"etcdctl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(DEADLINE)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._ready, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.fixture(scope="session")
def etcd() -> Iterator[EtcdServer]:
    """An etcd for the whole session: tests that share it use key prefixes of their own, and leave it running."""
    with tempfile.TemporaryDirectory(prefix="deis-etcd-") as root:
        server = EtcdServer(Path(root))
        server.start()
        try:
            yield server
        finally:
            server.kill9()


@pytest.fixture
def own_etcd(tmp_path: Path) -> Iterator[EtcdServer]:
    """An etcd for one test, that may do with it what it likes; progress of watches is told each second."""
    server = EtcdServer(tmp_path / "etcd", "--experimental-watch-progress-notify-interval", "1s")
    server.start()
    try:
        yield server
    finally:
        server.kill9()
