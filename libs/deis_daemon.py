"""The console script `deis-daemon`, where only the client's dependencies may be installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the daemons; say what to install where their dependencies are missing."""
    try:
        from libs.daemon.command import main as run  # noqa: PLC0415 - it needs what may be missing
    except ModuleNotFoundError as error:
        sys.exit(f"deis-daemon: {error.name} is not installed: the daemons need `pip install 'deis[platform]'`")
    run()
