"""The Docker Engine: use the one that answers, else start one, else say in one line why it cannot run."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from deploy.local.settings import LocalSettings
from deploy.local.supervisor import Supervisor

STARTUP_LIMIT = 60.0  # seconds


class EngineCannotRun(Exception):
    """No engine answers, and none can be started; the message has the reason and what to do."""


def docker(settings: LocalSettings, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run the docker command against the platform's engine."""
    command = ["docker", "--host", settings.docker_host, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603


def answers(settings: LocalSettings) -> bool:
    """An engine answers at the configured address."""
    try:
        return docker(settings, "version", "--format", "{{.Server.Version}}", timeout=10).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def ensure(settings: LocalSettings, supervisor: Supervisor) -> str:
    """Make an engine answer; returns who runs it, in words."""
    if answers(settings):
        return "started by this platform" if supervisor.running("docker") else "already running"
    log = settings.home / "log" / "docker.log"
    log.unlink(missing_ok=True)
    supervisor.start("docker")
    deadline = time.monotonic() + STARTUP_LIMIT
    while time.monotonic() < deadline:
        if answers(settings):
            return "started"
        if supervisor.failed("docker"):
            break
        time.sleep(0.2)
    supervisor.stop("docker")
    raise EngineCannotRun(
        f"Docker cannot run here: {reason(log)}. Start a Docker Engine yourself (or run as root on a machine that "
        f"allows containers) and set DEIS_DOCKER_HOST to its address; dockerd's own words are in {log}"
    )


def reason(log: Path) -> str:
    """The engine's own last word on why it ended."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        lines = []
    failures = [line for line in lines if "failed to start daemon" in line or "level=fatal" in line or "rror" in line]
    return (failures or lines or ["dockerd said nothing"])[-1][:300].rstrip(".")


def containers(settings: LocalSettings, *, running: bool) -> list[str]:
    """The ids of this platform's containers."""
    label = f"label=io.deis.platform={settings.platform}"
    listed = docker(settings, "ps", "--quiet", "--filter", label, *([] if running else ["--all"]))
    return listed.stdout.split()


def stop_containers(settings: LocalSettings) -> int:
    """Stop this platform's apps, and only those; returns how many."""
    found = containers(settings, running=True)
    if found:
        docker(settings, "stop", "--time", "10", *found, timeout=60 + 10 * len(found))
    return len(found)


def remove_containers(settings: LocalSettings) -> int:
    """Remove this platform's containers and its network, and only those; returns how many containers."""
    found = containers(settings, running=False)
    if found:
        docker(settings, "rm", "--force", "--volumes", *found, timeout=60 + 10 * len(found))
    label = f"label=io.deis.platform={settings.platform}"
    for network in docker(settings, "network", "ls", "--quiet", "--filter", label).stdout.split():
        docker(settings, "network", "rm", network)
    return len(found)
