from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.engine.drivers.docker.sessions import kill_session
from tests.support.waiting import eventually

HERE = Path("/proc/self/cgroup").read_text().splitlines()[-1]  # every process of the tests is in there


@pytest.fixture
def session() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session, with a child that outlives it."""
    with subprocess.Popen(
        ("sh", "-c", "sleep 1000 & echo $!; wait"), start_new_session=True, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def child_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


async def test_a_session_is_killed_with_its_children(session: subprocess.Popen[bytes]) -> None:
    child = child_of(session)
    assert kill_session(session.pid, HERE)
    await eventually(lambda: not runs(session.pid) and not runs(child))
    assert not kill_session(session.pid, HERE), "nothing is left of it"


def test_nothing_is_killed_outside_of_the_container(session: subprocess.Popen[bytes]) -> None:
    assert not kill_session(session.pid, "5ae61e33f69da7e80750557df1893e99")
    assert runs(session.pid)
    assert kill_session(session.pid, HERE)


def test_a_process_that_leads_no_session_is_not_killed(session: subprocess.Popen[bytes]) -> None:
    child = child_of(session)
    assert not kill_session(child, HERE)
    assert runs(child)
    assert kill_session(session.pid, HERE)
