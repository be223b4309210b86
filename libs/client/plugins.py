"""Commands of others: an executable `deis-foo` on the PATH is the command `deis foo`."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import NoReturn

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def plugin_for(command: str, environment: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The executable that answers to a command, and the arguments to put first.

    `foo:bar` is `deis-foo bar`. None if there is none.
    """
    name, colon, rest = command.partition(":")
    if not NAME.fullmatch(name):
        return None
    path = shutil.which(f"deis-{name}", path=environment.get("PATH", os.defpath))
    if path is None or os.path.basename(path) == "deis-daemon":  # noqa: PTH119 - a part of the platform, no plugin
        return None
    return path, [rest] if colon and rest else []


def run_plugin(path: str, arguments: Sequence[str]) -> NoReturn:
    """Become the plugin: its output and exit status are the command's."""
    os.execv(path, [path, *arguments])  # noqa: S606 - no shell is meant
