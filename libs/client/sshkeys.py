"""Public SSH keys as they lie in `~/.ssh`: one line of a type, base64 and a comment (sshd(8), AUTHORIZED_KEYS)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from libs.client.errors import BadArgument
from libs.client.files import read_text

PUBLIC = re.compile(r"(?P<type>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+) (?P<blob>[A-Za-z0-9+/]+=*)(?: +(?P<comment>.*))?")


@dataclass(frozen=True)
class PublicKey:
    """A key, the file that it is from, and what it is called: its comment, else the file's name up to its first dot."""

    name: str
    public: str
    path: Path


def read_public_key(path: Path) -> PublicKey:
    """The key in a file; `BadArgument` where it holds none."""
    text = read_text(path).strip()
    if "PRIVATE KEY-----" in text:
        raise BadArgument(f"{path} holds a private key, which must stay where it is; give the public one: {path}.pub")
    found = PUBLIC.fullmatch(text)
    if not found:
        raise BadArgument(f"{path} is not a valid ssh key: a public one is a line as `ssh-ed25519 AAAAC3… comment`")
    return PublicKey((found["comment"] or "").strip() or path.name.partition(".")[0], text, path)


def own_public_keys(home: Path) -> Iterator[PublicKey]:
    """The keys in `~/.ssh`, by file name; what is none is left out."""
    for path in sorted((home / ".ssh").glob("*.pub")):
        try:
            yield read_public_key(path)
        except BadArgument:
            continue


def shortened(public: str) -> str:
    """A key's beginning and end, `ssh-rsa AAAAB3Nz...ada@laptop`; the whole of one that is short."""
    return public if len(public) <= 26 else f"{public[:16]}...{public[-10:]}"
