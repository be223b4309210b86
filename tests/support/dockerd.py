"""A Docker Engine of the tests' own, with its own data, sockets and containers: the machine's is never touched."""

from __future__ import annotations

import functools
import http.client
import io
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

DEADLINE = 60.0  # seconds for a daemon to come or go on a busy machine
BUSYBOX = Path("/bin/busybox")
LEFT = (b"dockerd", b"containerd", b"containerd-shim-runc-v2", b"containerd-shim")  # what may outlive a dockerd


class NoDockerd(RuntimeError):
    """The tests need a Docker Engine that they can start, and there is none."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=DEADLINE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Dockerd:
    """One private `dockerd` with live-restore, without iptables rules, and with a default bridge of its own.

    `host` is its address for `DEIS_DOCKER_HOST`. `close` removes every container, network, shim and mount that it left.
    """

    def __init__(self, bridge: str) -> None:
        if shutil.which("dockerd") is None or not BUSYBOX.exists():
            raise NoDockerd("dockerd or /bin/busybox is missing; install the Debian packages docker.io, busybox-static")
        # A Unix socket's path has at most 107 characters, and some lie deep below: so not below pytest's tmp_path.
        self.root = Path(f"/tmp/deis-d-{secrets.token_hex(4)}")
        self.root.mkdir(mode=0o700)
        self.namespace = self.root.name  # containerd's; also what its shims are found by
        self.bridge = bridge
        self.socket = self.root / "d.sock"
        self.log = self.root / "dockerd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Dockerd]:
        """One that runs, with the image `busybox`, and that is gone behind the body."""
        with own_bridge() as bridge:
            daemon = cls(bridge)
            try:
                daemon.start()
                daemon.import_image("busybox")
                yield daemon
            finally:
                daemon.close()

    @property
    def host(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and return once it answers."""
        command = [
            "dockerd",
            *("--data-root", str(self.root / "data")),
            *("--exec-root", str(self.root / "x")),
            *("--pidfile", str(self.root / "d.pid")),
            *("--host", self.host),
            *("--containerd-namespace", self.namespace, "--containerd-plugins-namespace", f"{self.namespace}-plugins"),
            *("--bridge", self.bridge, "--iptables=false", "--live-restore", "--log-level=warn"),
        ]
        # One that was killed left its number, and its containerd's: a zombie or another program may bear it now, and
        # dockerd would wait for that to answer.
        (self.root / "d.pid").unlink(missing_ok=True)
        (self.root / "x" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            # Of its own session: an interrupt at the terminal ends the tests first, and they clean up.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + DEADLINE
        while not self._answers():
            if self._process.poll() is not None:
                raise NoDockerd(f"dockerd ended with {self._process.returncode}: {self._last_words()}")
            if time.monotonic() > end:
                raise NoDockerd(f"dockerd did not answer within {DEADLINE:.0f} s: {self._last_words()}")
            time.sleep(0.05)

    def kill9(self) -> None:
        """`kill -9`: its containers run on; its containerd dies with it, a moment later."""
        self._end(signal.SIGKILL)
        self._wait_until_gone(b"containerd")

    def lose_shims(self) -> None:
        """What watches over its containers dies as well, as when the host lost its power."""
        for pid in self._left(*LEFT):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait_until_gone(*LEFT)

    def stop(self) -> None:
        """Stop it in an orderly way: with live-restore its containers run on."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """`kill -9`, and start again."""
        self.kill9()
        self.start()

    def close(self) -> None:
        """Remove everything that it made or left."""
        try:
            if not self._answers():
                self.start()
            for container in self.ask("GET", "/containers/json", all="1"):
                self.ask("DELETE", f"/containers/{container['Id']}", force="1")
            for network in self.ask("GET", "/networks"):
                if network["Driver"] == "bridge" and network["Name"] != "bridge":
                    try:
                        self._remove_network(network["Id"])
                    except RuntimeError:  # it forgets endpoints that it lists no more when it begins anew
                        self.stop()
                        self.start()
                        self._remove_network(network["Id"])
        finally:
            self.stop()
            self._sweep()

    def import_image(
        self, reference: str, *, expose: Sequence[int] = (), cmd: Sequence[str] = ("sleep", "1000000"), **files: str
    ) -> str:
        """Make an image of busybox, all its applets in `/bin`; returns its id. `files` lie at the root, executable."""
        name, _, tag = reference.partition(":")
        changes = [f"EXPOSE {port}" for port in expose] + [f"CMD {json.dumps(list(cmd))}", "ENV PATH=/bin"]
        query = [("fromSrc", "-"), ("repo", name), ("tag", tag or "latest"), *(("changes", text) for text in changes)]
        status = self.ask("POST", f"/images/create?{urlencode(query)}", body=busybox_tar(tuple(files.items())))
        return str(status["status"])

    def inspect(self, container: str) -> dict[str, Any]:
        """What it has on a container."""
        found: dict[str, Any] = self.ask("GET", f"/containers/{quote(container)}/json")
        return found

    def kill_process(self, container: str) -> None:
        """Kill a container's first process from outside, as a crash."""
        os.kill(self.inspect(container)["State"]["Pid"], signal.SIGKILL)

    def ask(self, method: str, path: str, *, body: bytes | dict[str, Any] | None = None, **query: str) -> Any:
        """One request to its API; the last JSON value of the answer. A refusal is an error."""
        connection = _UnixConnection(str(self.socket))
        try:
            payload = json.dumps(body).encode() if isinstance(body, dict) else body
            kind = "application/json" if isinstance(body, dict) else "application/x-tar"
            target = path + (f"?{urlencode(query)}" if query else "")
            connection.request(method, target, payload, {"Content-Type": kind} if payload else {})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            lines = text.strip().splitlines()
            return json.loads(lines[-1]) if lines and lines[-1][0] in "{[" else text
        finally:
            connection.close()

    def _remove_network(self, id_: str) -> None:
        """Also with what the engine forgot there of a container that was removed while it was about to restart."""
        for endpoint in self.ask("GET", f"/networks/{id_}")["Containers"].values():
            body = {"Container": endpoint["Name"], "Force": True}
            self.ask("POST", f"/networks/{id_}/disconnect", body=body)
        self.ask("DELETE", f"/networks/{id_}")

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/_ping")
        except (OSError, http.client.HTTPException, RuntimeError):
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(DEADLINE)
        self._process = None

    def _sweep(self) -> None:
        """Containerd and shims that outlived it, then the mounts, then the files."""
        for pid in self._left(*LEFT):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._wait_until_gone(*LEFT)
        unmount_below(self.root)
        shutil.rmtree(self.root, ignore_errors=True)

    def _wait_until_gone(self, *programs: bytes) -> None:
        end = time.monotonic() + DEADLINE
        while self._left(*programs) and time.monotonic() < end:
            time.sleep(0.02)

    def _left(self, *programs: bytes) -> list[int]:
        """The processes of these programs whose command line names this one's directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes()  # empty of one that is dead and not reaped
            except OSError:
                continue
            program = words.partition(b"\0")[0].rpartition(b"/")[2]
            if program in programs and self.namespace.encode() in words:
                found.append(int(entry.name))
        return found

    def _last_words(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-5:])


def unmount_below(directory: Path) -> None:
    """Unmount what a dockerd with live-restore leaves when it ends: its data root, its containers' files."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for path in sorted((path for path in mounted if Path(path).is_relative_to(directory)), reverse=True):
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)


@functools.cache
def busybox_tar(files: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A root file system: the static busybox, a link for each of its applets, and these files, executable."""
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for directory in ("bin", "tmp", "etc"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(BUSYBOX, "bin/busybox", filter=_of_root)
        for applet in applets:
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for name, text in files:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry


@contextmanager
def own_bridge() -> Iterator[str]:
    """The name of a new bridge, for `dockerd --bridge`; it is gone behind the body.

    With `--bridge=none` a dockerd deletes the host's `docker0`, and so breaks the machine's own engine; without the
    option it shares that.
    """
    name = f"deis-t{random.getrandbits(32):08x}"
    address = IPv4Network(free_subnet())[1]
    try:
        subprocess.run([BUSYBOX, "brctl", "addbr", name], check=True)
        subprocess.run([BUSYBOX, "ifconfig", name, str(address), "netmask", "255.255.255.0", "up"], check=True)
        yield name
    finally:
        subprocess.run([BUSYBOX, "ifconfig", name, "down"], check=False)
        subprocess.run([BUSYBOX, "brctl", "delbr", name], check=False)


def free_subnet(prefix: int = 24) -> str:
    """A private subnet that no route of this host leads to; at random, so that several test runs hardly meet."""
    routes = [IPv4Network((socket.ntohl(destination), mask.bit_count())) for destination, mask in _routes()]
    while True:
        start = IPv4Address("10.128.0.0") + (random.getrandbits(23) >> (32 - prefix) << (32 - prefix))
        subnet = IPv4Network((start, prefix))
        if not any(route.overlaps(subnet) for route in routes if route.prefixlen):
            return str(subnet)


def _routes() -> Iterator[tuple[int, int]]:
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        yield int(fields[1], 16), int(fields[7], 16)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Dockerd]:
    """A Docker Engine for the whole run; a test keeps to a platform name and a subnet of its own."""
    with Dockerd.running() as daemon:
        yield daemon


@pytest.fixture
def own_docker_engine() -> Iterator[Dockerd]:
    """A Docker Engine for one test, that may kill it."""
    with Dockerd.running() as daemon:
        yield daemon
