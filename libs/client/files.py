"""The user's own files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from libs.client.errors import BadArgument

LARGEST = 1 << 20  # bytes; a file that a command takes as text is far smaller


def home_of(environment: Mapping[str, str]) -> Path:
    """The user's home."""
    home = environment.get("HOME")
    return Path(home) if home else Path.home()


def expanded(text: str | Path, environment: Mapping[str, str]) -> Path:
    """A path as a user types it, `~` being the home."""
    first, *rest = Path(text).parts or (".",)
    return home_of(environment).joinpath(*rest) if first == "~" else Path(text)


def read_text(path: Path) -> str:
    """A small text file in UTF-8; `BadArgument` says why it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadArgument(f"{path} is larger than 1 MB, so it is not the file that is meant")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadArgument(f"{path} is no UTF-8 text") from error
    except OSError as error:
        raise BadArgument(f"cannot read {path}: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """A file that its owner alone can read; `BadArgument` says why it cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadArgument(f"cannot write {path}: {error.strerror}") from error
