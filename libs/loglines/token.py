"""The word by which the platform's own daemons know each other."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from libs.daemon import files

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
        files.create(path, secrets.token_hex(32) + "\n")
    token = path.read_text().strip()
    if not token:
        raise ValueError(f"{path} is empty; remove it, and it is made anew, or write a token into it")
    return token


def header(token: str) -> dict[str, str]:
    """The request header that shows the token."""
    return {HEADER: f"Bearer {token}"}


def shows(headers: Mapping[str, str], token: str) -> bool:
    """Whether these request headers show the token; compared in constant time."""
    return hmac.compare_digest(headers.get(HEADER, "").encode(), f"Bearer {token}".encode())
