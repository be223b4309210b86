"""Bring the platform up and down: what `make up`, `make down` and `make reset` do."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local import engine, ports
from deploy.local.settings import LocalSettings
from deploy.local.steps import console, step
from deploy.local.supervisor import Supervisor

SERVERS = ("etcd", "haproxy")
READY_LIMIT = 90.0  # seconds
CRASHES = 3  # starts of one program after which it is not waited for any longer


class NotReady(Exception):
    """The platform did not become ready in time; the message says what is missing."""


def up(settings: LocalSettings) -> None:
    """Start what does not run, and return when the platform is ready. A second call does no harm."""
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        ports.require_free(settings.ports)
    for directory in ("run", "log", "router"):
        (settings.home / directory).mkdir(parents=True, exist_ok=True)
    configure_haproxy(settings)
    with step("supervisord"):
        supervisor.launch()
    with step("Docker Engine") as told:
        told.detail = engine.ensure(settings, supervisor)
    with step("etcd, HAProxy and the daemons"):
        for program in (*SERVERS, *settings.admin_ports):
            supervisor.start(program)
        wait_until_ready(settings, supervisor)


def down(settings: LocalSettings) -> None:
    """Stop what `up` started, the platform's apps included, and only that."""
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        console.print("the platform does not run")
        return
    with step("the daemons"):
        for program in settings.admin_ports:
            supervisor.stop(program)
    if engine.answers(settings):
        with step("the apps") as told:
            told.detail = f"{engine.stop_containers(settings)} containers stopped; `make up` brings them back"
    with step("HAProxy, etcd, supervisord" + (", Docker Engine" if supervisor.running("docker") else "")):
        supervisor.shutdown()


def reset(settings: LocalSettings) -> None:
    """`down`, and remove all state: apps, containers, the network, etcd's data, logs."""
    supervisor = Supervisor(settings)
    own_engine = supervisor.alive() and supervisor.running("docker")
    for program in (*settings.admin_ports, *SERVERS) if supervisor.alive() else ():
        supervisor.stop(program)
    if engine.answers(settings):
        with step("the apps' containers and network") as told:
            told.detail = f"{engine.remove_containers(settings)} containers removed"
    elif (settings.home / "etcd").exists():
        console.print("no Docker Engine answers: containers that its data may still hold are left as they are")
    with step("supervisord" + (", Docker Engine" if own_engine else "")):
        supervisor.shutdown()
    with step(f"state in {settings.home}"):
        if settings.home.exists():
            shutil.rmtree(settings.home)


def status(settings: LocalSettings) -> None:
    """Tell each program's state."""
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        console.print("the platform does not run; `make up` starts it")
        return
    for program in supervisor.programs():
        console.print(f"{program['name']:10} {program['statename']:10} {program['description']}")


def accept_store(settings: LocalSettings) -> None:
    """Accept the etcd that the daemons hold at the door, after a restore that was found right."""
    command = [str(Path(sys.executable).with_name("deis-daemon")), "accept-store"]
    done = subprocess.run(command, env=settings.environment(), check=False)  # noqa: S603
    if done.returncode != 0:
        raise NotReady("the store was not accepted")


def configure_haproxy(settings: LocalSettings) -> None:
    """Write HAProxy's first configuration, unless there is one: HAProxy starts before the router daemon is there."""
    command = [sys.executable, "-m", "services.router.configure"]
    done = subprocess.run(  # noqa: S603
        command, env=settings.environment(), capture_output=True, text=True, check=False, cwd=settings.home
    )
    if done.returncode != 0:
        raise NotReady(f"HAProxy's configuration could not be written: {done.stderr.strip()}")


def wait_until_ready(settings: LocalSettings, supervisor: Supervisor) -> None:
    """Return once every daemon says ready and the API answers through the router; else raise `NotReady`."""
    waiting = {name: f"http://127.0.0.1:{port}/readyz" for name, port in settings.admin_ports.items()}
    waiting["the API"] = f"http://127.0.0.1:{settings.router_http_port}/healthz"
    deadline = time.monotonic() + READY_LIMIT
    starts = Starts()
    missing: dict[str, str] = {}
    while time.monotonic() < deadline and not starts.crashing:
        missing = {
            name: word for name, url in waiting.items() if (word := probe(url, host=f"deis.{settings.domain}")) != ""
        }
        if not missing:
            return
        starts.look(supervisor.programs())
        time.sleep(0.1)
    if starts.crashing:
        log = settings.home / "log" / f"{starts.crashing}.log"
        raise NotReady(f"{starts.crashing} ends again and again; its last lines, of {log}:\n{last_lines(log)}")
    lines = [f"  {name}: {word}" for name, word in missing.items()]
    raise NotReady(
        f"the platform is not ready after {READY_LIMIT:.0f} s; its logs are in {settings.home / 'log'}. Missing:\n"
        + "\n".join(lines)
    )


class Starts:
    """How often each program was started while it was looked at; `crashing` names one that does not stay up."""

    def __init__(self) -> None:
        self.crashing = ""
        self._seen: dict[str, set[int]] = {}

    def look(self, programs: list[dict[str, Any]]) -> None:
        """Look at what the supervisor tells of its programs."""
        for program in programs:
            pids = self._seen.setdefault(program["name"], set())
            if program["pid"]:
                pids.add(program["pid"])
            if len(pids) > CRASHES:
                self.crashing = program["name"]


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line[:300]}" for line in lines[-count:]) or "  (none)"


def probe(url: str, *, host: str) -> str:
    """Empty when the URL answers 200, else what it said."""
    request = urllib.request.Request(url, headers={"Host": host})  # noqa: S310 - our own loopback URLs
    try:
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return error.read(1000).decode(errors="replace").strip() or str(error)
    except OSError as error:
        return str(error)
