"""The addresses' memory between two starts, in a small file: losing it falls back to what the containers show."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

import structlog

from libs.daemon import files
from libs.engine.addresses import Ledger

T = TypeVar("T")

log = structlog.get_logger("engine")


class LedgerFile:
    """A `Ledger` on disk. Each change holds a lock, so that several processes of one host may share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Ledger:
        """The ledger as it is; an empty one where the file is missing or damaged."""
        try:
            stored = json.loads(self.path.read_text())
            resting = {IPv4Address(address): float(until) for address, until in stored["resting"].items()}
            return Ledger(IPv4Address(stored["last"]) if stored["last"] else None, resting)
        except FileNotFoundError:
            return Ledger()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("ledger of addresses cannot be read, begin a new one", path=str(self.path), error=str(error))
            return Ledger()

    def change(self, change: Callable[[Ledger], tuple[T, Ledger]]) -> T:
        """Read, change and write; blocks on the file's lock and on the disk. Raises `OSError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result, ledger = change(self.read())
            self._write(ledger)
            return result

    def _write(self, ledger: Ledger) -> None:
        resting = {str(address): until for address, until in sorted(ledger.resting.items())}
        last = None if ledger.last is None else str(ledger.last)
        files.replace(self.path, json.dumps({"last": last, "resting": resting}))
