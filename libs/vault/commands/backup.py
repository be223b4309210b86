"""`vault backup` and `vault restore`: the keys out of this host's file, and into another's."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from libs.keyspace.document import now
from libs.store import StoreUnavailable
from libs.vault.commands.desk import Desk, Refused, here, listed, say, warn
from libs.vault.designation import Designation
from libs.vault.keyfile import merge_keys, put_first, read_keys, write_keys
from libs.vault.live import remedy
from libs.vault.vault import SealBroken

WARNING = (
    "Whoever has these keys and a snapshot of the platform's etcd reads every config value and every private key.",
    "Without them such a snapshot is worthless. Keep both, apart from each other.",
)


class Backup:
    """`vault backup FILE|-`."""

    NAME = "backup"
    HELP = "write this host's keys into a file, or to standard output"
    ABOUT = f"""\
Write the keys of this host's file, with a warning at its head: {" ".join(WARNING)} A new file is made, for its
owner alone; an existing one is never written over. `deis-daemon vault backup - | ssh HOST deis-daemon vault restore -`
brings the keys to another controller, router or logger."""

    @staticmethod
    def declare(parser: argparse.ArgumentParser) -> None:
        """Its argument."""
        parser.add_argument("file", metavar="FILE|-", help="a new file; `-` is standard output")

    @staticmethod
    async def do(desk: Desk, asked: argparse.Namespace) -> int:
        """Write them."""
        keys = desk.file.read()
        if not keys:
            raise Refused(
                f"there is no key in {desk.file.path}, so there is nothing to back up; {remedy(desk.file.path)}"
            )
        head = [
            "# DEIS: THE KEYS OF A PLATFORM'S SECRETS",
            *(f"# {line}" for line in WARNING),
            f"# Of {here()}, {now():%Y-%m-%d %H:%M} UTC. To bring them back: deis-daemon vault restore FILE",
        ]
        text = write_keys(keys, "\n".join(head) + "\n")
        if asked.file == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write_new(Path(asked.file), text)
        warn(*WARNING, f"wrote {len(keys)} keys: {', '.join(keys)}")
        return 0


class Restore:
    """`vault restore FILE|-`."""

    NAME = "restore"
    HELP = "add the keys of a backup to this host's file"
    ABOUT = """\
Add the keys of a backup to this host's file; those that are there stay. Running daemons take them up by themselves.
Then the store is looked at: how many secrets open here now, and which do not (exit status 1). It works without the
store too."""

    @staticmethod
    def declare(parser: argparse.ArgumentParser) -> None:
        """Its argument."""
        parser.add_argument("file", metavar="FILE|-", help="what `backup` wrote; `-` is standard input")

    @staticmethod
    async def do(desk: Desk, asked: argparse.Namespace) -> int:
        """Merge them, and tell what opens."""
        try:
            brought = read_keys(_text_of(asked.file))
        except SealBroken as broken:
            where = "standard input" if asked.file == "-" else asked.file
            raise Refused(f"{where} is nothing that `deis-daemon vault backup` wrote: {broken}") from broken
        if not brought:
            raise Refused(f"there is no key in {asked.file}; it must have lines `<key id> <base64 of 32 bytes>`")
        designated, away = await _designated(desk)
        before = desk.file.read()
        merged = desk.file.change(lambda own: put_first(merge_keys(own, brought), designated.seals))
        added = [key_id for key_id in merged if key_id not in before]
        said = f"added {len(added)} keys: {', '.join(added)}" if added else "all of these keys were there already"
        say(f"{desk.file.path}: {said}.")
        if away:
            say(
                f"The store at {desk.settings.store_endpoints} does not answer ({away}), so it could not be looked "
                "whether all secrets open: run `deis-daemon vault status` later."
            )
            return 0
        return await _check(desk, designated)


def _text_of(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text(errors="replace")


async def _designated(desk: Desk) -> tuple[Designation, str]:
    """What the store says, or why it does not."""
    try:
        return await desk.designations.read(), ""
    except StoreUnavailable as error:
        return Designation(None, None, 0), str(error)


async def _check(desk: Desk, designated: Designation) -> int:
    desk.vault.refresh(now=True)
    inventory = await desk.inventory()
    opening = len(inventory.secrets) - len(inventory.shut)
    say(f"{opening} of the {len(inventory.secrets)} secrets in the store open here now.")
    if inventory.shut:
        say("These do not:", *listed(f"{one.name} takes key {one.key_id}" for one in inventory.shut))
    lacking = designated.seals is not None and not desk.vault.holds(designated.seals)
    if lacking:
        say(f"The platform seals with key {designated.seals}, which is not among them; {remedy(desk.file.path)}")
    return 1 if inventory.shut or lacking else 0


def _write_new(path: Path, text: str) -> None:
    """Write a file that nobody else can read; raises `Refused` where there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(f"{path} is there already and is not written over; name another file") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
