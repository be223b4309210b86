"""Small files that appear whole or not at all, and last: what a daemon keeps between two starts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write a file in place of the one that is there; blocks on the disk, raises `OSError`. Its folder is made."""
    with _draft(path, text) as draft:
        draft.replace(path)


def create(path: Path, text: str) -> bool:
    """Write a file unless there is one, readable by its owner only; False when another was first."""
    with _draft(path, text) as draft:
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return False
        return True


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """The text on the disk, in a file beside the path (mode 0600); what is left of it is gone behind the body."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
