"""Processes of a container as this host has them: what ends a command that goes on after its time.

runc gives each executed command a session of its own (setsid), so its session is what it began, and nothing else.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
ROUNDS = 5  # a process may fork while the others are looked for


def kill_session(leader: int, container_id: str) -> bool:
    """Kill the session that this process of the container leads; False if nothing was killed: it is not seen from here.

    Only processes are killed that are of that session and in that container, which is looked at while a descriptor
    holds them: a number that another process has by now is none of theirs.
    """
    killed = False
    for _ in range(ROUNDS):
        members = sorted(_members(leader, container_id), key=lambda pid: pid != leader)
        if not members:
            break
        killed = sum(_kill(pid, leader, container_id) for pid in members) > 0 or killed
    return killed


def _kill(pid: int, leader: int, container_id: str) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it ended; or this kernel has none, and then nothing is killed
        return False
    try:
        if not _is_member(pid, leader, container_id):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:  # it ended; or it is not ours to signal
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _members(leader: int, container_id: str) -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and _is_member(int(entry.name), leader, container_id):
            yield int(entry.name)


def _is_member(pid: int, leader: int, container_id: str) -> bool:
    """Whether it runs in that session and container; one that is dead and not reaped does not."""
    try:
        # proc(5): the name in parentheses may hold anything; behind it state, parent, group, session
        state, _, _, session = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
        if state in {"Z", "X"} or int(session) != leader:
            return False
        return container_id in (PROC / str(pid) / "cgroup").read_text(errors="replace")
    except (OSError, ValueError):
        return False
