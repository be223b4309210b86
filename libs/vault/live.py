"""The vault of a running process: it follows its key file, so that nothing has to be restarted for a key."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.vault.keyfile import KeyFile
from libs.vault.vault import KeyMissing, SealBroken, Vault

LOOKS_EVERY = 1.0  # seconds between two looks at the file, at least

Mark = tuple[int, int, int, int]

log = structlog.get_logger("vault")


def remedy(path: Path) -> str:
    """How a key that is not on this host comes to it."""
    return (
        f"bring it to {path}: on a host that has it, run `deis-daemon vault backup - | ssh {socket.gethostname()} "
        "deis-daemon vault restore -`, or here, with a backup, `deis-daemon vault restore FILE`"
    )


class LiveVault(Vault):
    """The vault of a key file, which is looked at when it changed: at most once a second, and for an unknown key.

    It never makes a key. Without `designated`, the file's first key seals; `locked` are words why none may. A file that
    vanished, or that cannot be read, leaves the keys that were read before; `trouble` says so.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.file = KeyFile(path)
        self.locked = ""
        self.designated: str | None = None
        self.trouble = ""
        self._ciphers: dict[str, AESGCM] = {}
        self._clock = clock
        self._looked = float("-inf")
        self._mark: Mark | None = None
        self.refresh()

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The keys that it has, in the file's order."""
        return tuple(self._ciphers)

    @property
    def sealing(self) -> str:
        """The key that seals; raises `KeyMissing` while it is locked, or has none."""
        self.refresh()
        if self.locked:
            raise KeyMissing(self.locked)
        if self.designated is None and not self._ciphers:
            raise KeyMissing(f"there is no key in {self.file.path}; {remedy(self.file.path)}")
        return self.designated or next(iter(self._ciphers))

    def holds(self, key_id: str) -> bool:
        """Whether this key is here."""
        if key_id not in self._ciphers:
            self.refresh(now=True)
        return key_id in self._ciphers

    def cipher(self, key_id: str) -> AESGCM:
        """The key; raises `KeyMissing` with what to do."""
        self.refresh()
        if not self.holds(key_id):
            raise KeyMissing(f"key {key_id!r} is not in {self.file.path}; {remedy(self.file.path)}")
        return self._ciphers[key_id]

    def refresh(self, *, now: bool = False) -> None:
        """Read the file again if it changed."""
        clock = self._clock()
        if not now and clock - self._looked < LOOKS_EVERY:
            return
        self._looked = clock
        try:
            found = self.file.path.stat()
            mark = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
            if mark == self._mark:
                return
            keys = self.file.read()
        except FileNotFoundError:
            self._in_trouble(f"{self.file.path} is gone" if self._ciphers else "")
        except (OSError, SealBroken) as error:
            self._in_trouble(str(error))
        else:
            self._mark = mark
            self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
            self._in_trouble("")
            if exposed := self.file.exposed():
                log.warning("others can read the keys of the platform's secrets", reason=exposed)

    def _in_trouble(self, words: str) -> None:
        if words:
            self._mark = None
            kept = ", ".join(self._ciphers) or "none"
            words = f"{words}; this process goes on with the keys that it has read: {kept}"
        if words and words != self.trouble:
            log.error("the key file cannot be read", reason=words)
        self.trouble = words


def open_vault(path: Path) -> LiveVault:
    """The vault of this host's key file. Opening one never makes a key: that is a controller's, in `custody`."""
    return LiveVault(path)
