from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"

# The units of other packages that ours stand beside, as small as a unit can be.
NEIGHBOURS = {
    "etcd.service": "[Service]\nType=notify\nExecStart=/usr/bin/etcd\n",
    "docker.service": "[Service]\nType=notify\nExecStart=/usr/sbin/dockerd\nExecReload=/bin/kill -s HUP $MAINPID\n",
}
EXECUTABLES = (
    "/opt/deis/bin/deis-daemon",
    "/opt/deis/bin/python",
    "/usr/sbin/haproxy",
    "/usr/sbin/dockerd",
    "/usr/bin/etcd",
    "/bin/kill",
)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host's file tree with our units installed."""
    units = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(UNITS, units)
    shutil.copytree("/lib/systemd/system", tmp_path / "lib" / "systemd" / "system", symlinks=True)
    for name, text in NEIGHBOURS.items():
        (units / name).write_text(text)
    for path in EXECUTABLES:
        executable = tmp_path / path.lstrip("/")
        executable.parent.mkdir(parents=True, exist_ok=True)
        executable.write_text("#!/bin/sh\n")
        executable.chmod(0o755)
    return tmp_path


def verify(host: Path, unit: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={host}", unit],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "unit", ["deis-daemon@router.service", "deis-haproxy.service", "etcd.service", "docker.service"]
)
def test_systemd_finds_nothing_to_complain_about(host: Path, unit: str) -> None:
    found = verify(host, unit)
    assert (found.returncode, found.stderr) == (0, "")


def test_the_check_can_fail(host: Path) -> None:
    unit = host / "etc" / "systemd" / "system" / "deis-daemon@.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=30", "WatchdogSeconds=30"))
    assert "WatchdogSeconds" in verify(host, "deis-daemon@router.service").stderr
