"""HAProxy's answers, read. Sources: HAProxy 2.6 management guide, 9.1 (statistics), 9.3 (commands)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from services.router.actual import Server, State

# Bits of srv_admin_state. An inherited or resolver-made state is none of ours, but no traffic flows in it either.
_MAINT = 0x01 | 0x02 | 0x04 | 0x20
_DRAIN = 0x08 | 0x10
_DOWN = 0  # srv_op_state
_CONFIGURED, _ENABLED = 0x02, 0x04  # bits of srv_check_state
_TRACKED = re.compile(r"^0x\w+: key=(\S+) use=\d+ .*\bconn_cur=(\d+)$", re.MULTILINE)


class BadAnswer(ValueError):
    """HAProxy answered what we cannot read; `command` says to what."""

    def __init__(self, command: str, answer: str) -> None:
        super().__init__(f"HAProxy's answer to {command!r} cannot be read: {answer[:200]!r}")
        self.command = command


def info(answer: str) -> dict[str, str]:
    """`show info`: what the process says of itself."""
    pairs = (line.partition(": ") for line in answer.splitlines())
    found = {key: value for key, colon, value in pairs if colon}
    if "Pid" not in found:
        raise BadAnswer("show info", answer)
    return found


def table(answer: str) -> dict[str, str]:
    """`show map`: keys and values. Of a doubled key the first entry is the one that HAProxy finds."""
    entries: dict[str, str] = {}
    for line in answer.splitlines():
        match line.split(maxsplit=2):
            case [pointer, key, value] if pointer.startswith("0x"):
                entries.setdefault(key, value)
            case []:
                pass
            case _:
                raise BadAnswer("show map", line)
    return entries


def servers(answer: str) -> dict[str, dict[str, Server]]:
    """`show servers state`: back end → name → server."""
    version, _, rest = answer.partition("\n")
    if version.strip() != "1":
        raise BadAnswer("show servers state", answer)
    found: dict[str, dict[str, Server]] = {}
    for row in _rows(rest, " "):
        admin = int(row["srv_admin_state"])
        state: State = "maint" if admin & _MAINT else "drain" if admin & _DRAIN else "ready"
        found.setdefault(row["be_name"], {})[row["srv_name"]] = Server(
            row["srv_addr"],
            int(row["srv_port"]),
            state,
            watched=_watched(int(row["srv_check_state"])),
            up=state == "maint" or int(row["srv_op_state"]) != _DOWN,
        )
    return found


def sessions(answer: str) -> dict[tuple[str, str], int]:
    """`show stat <back end> 4 -1`: requests and tunnels in flight for each (back end, server)."""
    return {(row["pxname"], row["svname"]): int(row["scur"]) + int(row["qcur"] or 0) for row in _rows(answer, ",")}


def websockets(answer: str) -> dict[str, int]:
    """`show table`: WebSockets by server. A HAProxy that has no such table (yet) counts none."""
    return {name: int(count) for name, count in _TRACKED.findall(answer)}


def has_map(answer: str) -> bool:
    """Whether `show map` found the map: one that was started before there was it has none."""
    return not answer.startswith("Unknown map identifier")


def has_backend(answer: str) -> bool:
    """Whether `show servers state <back end>` found it: one that was started before there was it has none."""
    return not answer.startswith("Can't find backend")


def _watched(check: int) -> bool | None:
    return bool(check & _ENABLED) if check & _CONFIGURED else None


def _rows(answer: str, delimiter: str) -> Iterator[dict[str, str]]:
    lines = [line for line in answer.splitlines() if line]
    if not lines or not lines[0].startswith("# "):
        raise BadAnswer("show", answer)
    lines[0] = lines[0][2:]
    yield from csv.DictReader(lines, delimiter=delimiter, restkey="more", restval="")
