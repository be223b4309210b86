"""`vault retire`: takes a key out of this host's file once nothing in the store takes it."""

from __future__ import annotations

import argparse

from libs.vault.commands.desk import Desk, Refused, confirm, listed, say

NAME = "retire"
HELP = "take an old key out of this host's file, if no secret takes it any more"
ABOUT = """\
Take a key out of this host's file. Refused while the key seals, or while anything in the store takes it. A backup of
etcd from the time of that key opens no more, unless you keep a backup of the key. Each host has a file of its own: run
it on every one."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("key_id", metavar="KEYID", help="as `deis-daemon vault status` tells it")
    parser.add_argument("--yes", action="store_true", help="do not ask; for scripts")


async def do(desk: Desk, asked: argparse.Namespace) -> int:
    """Take it out, or say what still takes it."""
    key_id: str = asked.key_id
    designated = await desk.designations.read()
    known = desk.vault.key_ids
    if key_id not in known and key_id != designated.prepared:
        raise Refused(f"there is no key {key_id!r} in {desk.file.path}; there are: {', '.join(known) or 'none'}")
    if key_id == designated.seals or (designated.seals is None and key_id == known[0]):
        raise Refused(f"key {key_id!r} seals; `deis-daemon vault rotate` brings another in its place")
    inventory = await desk.inventory()
    if needing := inventory.needing(key_id):
        raise Refused(
            "\n".join(
                [
                    f"{len(needing)} secrets take key {key_id!r}; `deis-daemon vault rotate` seals them anew:",
                    *listed(needing),
                ]
            )
        )
    if inventory.unread:
        raise Refused("\n".join(["some records cannot be read, and may take it:", *listed(inventory.unread)]))
    if not asked.yes:
        confirm(
            f"Key {key_id} would be gone from this host, and backups of etcd that take it open no more", "Take it out?"
        )
    await desk.designations.give_up(key_id)
    desk.file.change(lambda keys: {name: key for name, key in keys.items() if name != key_id})
    say(f"Key {key_id} is no longer in {desk.file.path}. Other hosts have files of their own.")
    return 0
