"""The key file `<home>/secrets/config.key`: lines `<key id> <base64 of 32 bytes>`, and comments for people (`#`)."""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from libs.daemon import files
from libs.vault.vault import SealBroken

KEY = 32  # bytes: AES-256
KEY_ID = re.compile(r"[0-9A-Za-z_.-]{1,64}")

Keys = dict[str, bytes]
"""Keys by id; the first one seals where nobody names another."""

HEAD = "# The keys of this platform's secrets, for its owner alone. `deis-daemon vault` looks after them.\n"


def new_key() -> Keys:
    """One more key, under a random id."""
    return {secrets.token_hex(4): os.urandom(KEY)}


def read_keys(text: str) -> Keys:
    """The keys of a key file, in its order; raises `SealBroken` for a line that is none, and never quotes it."""
    keys: Keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key_id, _, encoded = line.strip().partition(" ")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY or not KEY_ID.fullmatch(key_id):
            raise SealBroken(f"line {number} of the key file is not `<key id> <base64 of {KEY} bytes>`")
        if keys.get(key_id, key) != key:
            raise SealBroken(f"line {number} of the key file has another key under the id {key_id!r} than one above it")
        keys[key_id] = key
    return keys


def write_keys(keys: Mapping[str, bytes], head: str = HEAD) -> str:
    """The text of a key file."""
    return head + "".join(f"{key_id} {base64.b64encode(key).decode()}\n" for key_id, key in keys.items())


def merge_keys(own: Mapping[str, bytes], brought: Mapping[str, bytes]) -> Keys:
    """Both, our own first; raises `SealBroken` where one id names two keys."""
    if twice := sorted(key_id for key_id, key in brought.items() if own.get(key_id, key) != key):
        raise SealBroken(f"key {twice[0]!r} is another one here than there: they are of different platforms")
    return {**own, **brought}


def put_first(keys: Mapping[str, bytes], key_id: str | None) -> Keys:
    """The same with this one first, where it is among them."""
    first = {key_id: keys[key_id]} if key_id is not None and key_id in keys else {}
    return {**first, **keys}


@dataclass(frozen=True)
class KeyFile:
    """One host's key file. It is replaced whole, mode 0600, and belongs to whom its folder belongs to."""

    path: Path

    def read(self) -> Keys:
        """Its keys, none where there is no file; raises `SealBroken`, `OSError`."""
        try:
            return read_keys(self.path.read_text(errors="replace"))
        except FileNotFoundError:
            return {}
        except SealBroken as error:
            raise SealBroken(f"{self.path}: {error}") from error

    def change(self, change: Callable[[Keys], Mapping[str, bytes]]) -> Keys:
        """Read, change and write it, while no other process does; returns what it has now. An empty one is removed."""
        with self._alone():
            before = self.read()
            after = dict(change(before))
            if not after:
                self.path.unlink(missing_ok=True)
            elif list(after.items()) != list(before.items()):
                files.replace(self.path, write_keys(after))
                _give(self.path, like=self.path.parent)
            return after

    def exposed(self) -> str:
        """Who may read it beside its owner, and what to run; empty where nobody may."""
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except OSError:
            return ""
        if not mode & 0o077:
            return ""
        return f"{self.path} has mode {mode:04o}: others than its owner can use it; run: chmod 600 {self.path}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self.path.parent
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _give(folder, like=folder.parent)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _give(path: Path, *, like: Path) -> None:
    """An operator may be root where the daemons are not: they must be able to read what he wrote."""
    there = like.stat()
    if os.geteuid() == 0 and (there.st_uid, there.st_gid) != (0, 0):
        os.chown(path, there.st_uid, there.st_gid, follow_symlinks=False)  # whoever owns the folder may put one there
