"""`vault rotate`: a new key, and every secret sealed anew with it while the platform runs."""

from __future__ import annotations

import argparse
import sys

from libs.keyspace.records import MeshMember
from libs.store import StaleRevision
from libs.vault.commands.desk import NEED_KEYS, Desk, Refused, by_node, carry, listed, say, told, warn
from libs.vault.designation import Designation
from libs.vault.inventory import Inventory
from libs.vault.keyfile import new_key, put_first
from libs.vault.live import remedy
from libs.vault.rotation import seal_anew

NAME = "rotate"
HELP = "make a new key and seal every secret anew with it"
ABOUT = """\
Make a new key, have every controller seal with it, and seal anew all that was sealed before; the platform runs on. It
may be killed and run again at any point: it then goes on. The old key stays in the file until `retire`. Where
controllers, routers or loggers stand on other hosts, run `rotate --prepare` first and carry the file over as it says:
the key has to be there before anything is sealed with it."""

DRIVERS = frozenset(NEED_KEYS)


def declare(parser: argparse.ArgumentParser) -> None:
    """Its flags."""
    parser.add_argument(
        "--prepare", action="store_true", help="only add the key, as one that opens, to be carried over"
    )
    parser.add_argument("--yes", action="store_true", help="go on though other hosts may not have the key yet")


async def do(desk: Desk, asked: argparse.Namespace) -> int:
    """Prepare, or rotate, or go on with a rotation that was not done."""
    designated, seals = await desk.sealing()
    elsewhere = [member for member in await desk.elsewhere() if member.service in DRIVERS]
    if asked.prepare:
        return await _prepare(desk, designated, elsewhere)
    older = (await desk.inventory()).older(seals)
    if older and designated.prepared is None:
        say(f"A rotation to {seals} is not done: it goes on, and no new key is made.")
        target = seals
    else:
        target = await _turn(desk, designated, elsewhere, yes=asked.yes)
    desk.file.change(lambda keys: put_first(keys, target))
    desk.vault.designated = target
    inventory = await seal_anew(desk.store, desk.keyspace, desk.vault, _progress)
    say(f"{inventory.by_key[target]} secrets are sealed with {target}.")
    return _conclude(desk, inventory, target, elsewhere)


async def _prepare(desk: Desk, designated: Designation, elsewhere: list[MeshMember]) -> int:
    key_id = designated.prepared
    if key_id is not None:
        _require(desk, key_id)
        say(f"Key {key_id} is prepared already.")
    else:
        key_id = await _add(desk)
        try:
            await desk.designations.prepare(key_id)
        except StaleRevision:
            await _drop(desk, key_id)
            raise
        say(f"Key {key_id} is in {desk.file.path}: it opens, and seals nothing yet.")
    nodes = by_node(elsewhere)
    say(
        "Now carry it to every other host with a controller, a router or a logger:",
        *(carry(nodes) or ["  (none is there at present)"]),
        "Then run `deis-daemon vault rotate` here; it tells of hosts that have not got it.",
    )
    return 0


async def _turn(desk: Desk, designated: Designation, elsewhere: list[MeshMember], *, yes: bool) -> str:
    """Have the controllers seal with the prepared key, or with a new one; returns its id."""
    key_id = designated.prepared
    if key_id is not None:
        _require(desk, key_id)
    if not yes:
        _refuse_unless_carried(key_id, elsewhere)
    made = key_id is None
    key_id = key_id or await _add(desk)
    try:
        await desk.designations.seal_with(key_id, designated)
    except StaleRevision:
        if made:
            await _drop(desk, key_id)
        raise
    say(f"Key {key_id} seals from now on.")
    return key_id


def _require(desk: Desk, key_id: str) -> None:
    if not desk.vault.holds(key_id):
        raise Refused(
            f"key {key_id!r} was prepared on another host, and is not here: run it there, or {remedy(desk.file.path)}; "
            f"`deis-daemon vault retire {key_id}` gives it up"
        )


def _refuse_unless_carried(key_id: str | None, elsewhere: list[MeshMember]) -> None:
    """Raise `Refused` where other hosts have not the key, by their own word where they give it."""
    nodes = by_node(elsewhere)
    if key_id is None and nodes:
        raise Refused(
            f"daemons on other hosts open secrets too: {told(nodes)}; they need the new key before anything is sealed "
            "with it. Run `deis-daemon vault rotate --prepare` and do what it says, then `deis-daemon vault rotate` "
            "again; or give `--yes`, and carry the file over at once afterwards"
        )
    without = by_node(member for member in elsewhere if member.vault_keys and key_id not in member.vault_keys)
    if without:
        raise Refused(
            "\n".join([f"key {key_id!r} is not yet on {told(without)}; carry it over:", *carry(without)])
            + "\nor give `--yes` to go on without them"
        )


async def _add(desk: Desk) -> str:
    """A new key behind the others of the file."""
    made = new_key()
    desk.file.change(lambda keys: {**keys, **made})
    (key_id,) = made
    assert desk.vault.holds(key_id)
    return key_id


async def _drop(desk: Desk, key_id: str) -> None:
    """Take a key out that never sealed anything."""
    desk.file.change(lambda keys: {known: key for known, key in keys.items() if known != key_id})


def _progress(done: int, total: int) -> None:
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    if end == "\r" or done == total or done % 1600 == 0:
        sys.stderr.write(f"sealed anew: {done} of {total}{end}")
        sys.stderr.flush()


def _conclude(desk: Desk, inventory: Inventory, target: str, elsewhere: list[MeshMember]) -> int:
    without = by_node(member for member in elsewhere if target not in member.vault_keys)
    if without:
        say(f"These do not say that they have it: {told(without)}. Where it was not carried over, do it at once:")
        say(*carry(without))
    old = [key_id for key_id in desk.vault.key_ids if key_id != target]
    say("Back the file up anew: `deis-daemon vault backup FILE`.")
    say("Older backups of etcd still take the older keys. Once none of them matters any more, on every host:")
    say(*(f"  deis-daemon vault retire {key_id}" for key_id in old))
    if inventory.shut:
        warn(f"{len(inventory.shut)} secrets do not open here and were left as they are:")
        warn(*listed(secret.name for secret in inventory.shut))
        return 1
    return 0
