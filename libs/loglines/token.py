"""The word by which the platform's own daemons know each other."""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

HEADER = "Authorization"


def internal_token(configured: str, home: Path) -> str:
    """The configured token, else that of `<home>/secrets/internal.token`, which whoever comes first makes.

    Daemons on several hosts take theirs from the configuration (`DEIS_INTERNAL_TOKEN`).
    """
    if configured:
        return configured
    path = home / "secrets" / "internal.token"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
    token = path.read_text().strip()
    if not token:
        raise ValueError(f"{path} is empty; remove it, and it is made anew, or write a token into it")
    return token


def _make(path: Path) -> None:
    """Whole or not at all, and never over another's: written aside, then linked into place."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".internal.token.")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        Path(path).hardlink_to(aside)
    except FileExistsError:
        pass  # another daemon was first
    finally:
        Path(aside).unlink()


def header(token: str) -> dict[str, str]:
    """The request header that shows the token."""
    return {HEADER: f"Bearer {token}"}


def shows(headers: Mapping[str, str], token: str) -> bool:
    """Whether these request headers show the token; compared in constant time."""
    return hmac.compare_digest(headers.get(HEADER, "").encode(), f"Bearer {token}".encode())
