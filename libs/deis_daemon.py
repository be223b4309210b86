"""The console script `deis-daemon`, where only the client's dependencies may be installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the daemons; say what to install where their dependencies are missing."""
    do_without_rich()
    try:
        from libs.daemon.command import main as run  # noqa: PLC0415 - it needs what may be missing
    except ModuleNotFoundError as error:
        sys.exit(f"deis-daemon: {error.name} is not installed: the daemons need `pip install 'deis[platform]'`")
    run()


def do_without_rich() -> None:
    """Let nothing in this process import `rich`, the client's. Call it before structlog is imported.

    structlog imports it wherever it is installed, for its tracebacks; a daemon writes plain ones (see
    `libs.daemon.logs`), and is 3 MiB smaller.
    """
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # the import system's word for: there is none
