"""The words of `deis-daemon vault …`, and its exit status: 0 done, 1 refused or something is wrong, 2 wrongly asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop
from pydantic import ValidationError

from libs.daemon import Settings, logs
from libs.daemon.supervision import leaves
from libs.store import StaleRevision, StoreError
from libs.vault.commands import backup, retire, rotate, status, write_off
from libs.vault.commands.desk import Desk, Refused, warn
from libs.vault.vault import SealBroken

PROGRAM = "deis-daemon vault"

Command = Callable[[Desk, argparse.Namespace], Awaitable[int]]

HOST_ENVIRONMENT = Path("/etc/deis/deis.env")  # what systemd gives the daemons; our own environment goes before it

ABOUT = """\
Config values, certificates' private keys, what log drains log in with and the builder's key are sealed in etcd. The
keys that open them are in one file on each host that needs them (controllers, routers, loggers),
<DEIS_HOME>/secrets/config.key, and never in etcd. Run it as the daemons' user or as root. Settings (DEIS_HOME,
DEIS_STORE_ENDPOINTS, …) come from the environment, else from /etc/deis/deis.env."""


def main(argv: Sequence[str]) -> int:
    """Do one command; returns the exit status."""
    asked = parser().parse_args(argv)
    try:
        settings = Settings(_env_file=HOST_ENVIRONMENT)
        logs.configure("error", settings.log_format)
    except (ValidationError, ValueError, OSError) as error:
        warn(f"a setting is wrong: {error}")
        return 1
    try:
        return uvloop.run(perform(settings, asked))
    except KeyboardInterrupt:
        warn("interrupted; it can be run again")
        return 1


def parser() -> argparse.ArgumentParser:
    """The commands with their help."""
    whole = argparse.ArgumentParser(prog=PROGRAM, description=ABOUT)
    commands = whole.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for module in (status, rotate, backup.Backup, backup.Restore, retire, write_off):
        one = commands.add_parser(module.NAME, help=module.HELP, description=module.ABOUT)
        module.declare(one)
        one.set_defaults(do=module.do)
    return whole


async def perform(settings: Settings, asked: argparse.Namespace) -> int:
    """Do what was asked with these settings; returns the exit status, and raises only what nobody foresaw."""
    do: Command = asked.do
    try:
        async with Desk.open(settings) as desk:
            return await do(desk, asked)
    except (Refused, SealBroken, StoreError, OSError, ExceptionGroup) as failure:
        return _explain(settings, leaves(failure)[0])


def _explain(settings: Settings, error: BaseException) -> int:
    """Say in a line what went wrong and what to do; what nobody foresaw is raised."""
    match error:
        case Refused() | SealBroken():
            warn(str(error))
        case StaleRevision():
            warn(f"somebody else changed {error.key} at the same time; look at `{PROGRAM} status` and run it again")
        case StoreError():
            warn(f"the store at {settings.store_endpoints} cannot be used: {error}; run it again once it answers")
        case OSError():
            warn(f"{error.filename or 'a file'}: {error.strerror or error}")
        case _:
            raise error
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
