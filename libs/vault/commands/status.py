"""`vault status`: which keys are here, which one seals, what takes them, and what does not open."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from libs.store import StoreUnavailable
from libs.vault.commands.desk import NEED_KEYS, Desk, by_node, listed, say, told
from libs.vault.designation import Designation
from libs.vault.inventory import Inventory
from libs.vault.live import remedy

NAME = "status"
HELP = "tell which keys are here, which one seals, and whether every secret opens"
ABOUT = """\
Tell which keys are in this host's file, which one seals, how many secrets take each, which secrets do not open here,
and which daemons stand on other hosts. Exit status 0: every secret opens and nobody else can read the file; 1: look."""

KINDS = {
    "releases": "configs of releases",
    "certs": "private keys of certificates",
    "drains": "passwords and keys of log drains",
    "platform": "platform settings",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """It takes nothing."""
    del parser


async def do(desk: Desk, asked: argparse.Namespace) -> int:
    """Tell all of it."""
    del asked
    exposed = desk.file.exposed()
    try:
        designated, inventory = await desk.designations.read(), await desk.inventory()
        nodes = by_node(await desk.elsewhere())
    except StoreUnavailable as error:
        say(f"key file  {desk.file.path}", *(f"  {key_id}" for key_id in desk.vault.key_ids))
        say(f"The store at {desk.settings.store_endpoints} does not answer, so no more can be told: {error}")
        say(*filter(None, [exposed, desk.vault.trouble]))
        return 1
    say(f"key file  {desk.file.path}", *key_lines(desk, designated, inventory))
    kinds = Counter(secret.field.collection for secret in inventory.secrets)
    parts = ", ".join(f"{count} {KINDS[kind]}" for kind, count in sorted(kinds.items()))
    opening = len(inventory.secrets) - len(inventory.shut)
    say(f"secrets   {len(inventory.secrets)}{f' ({parts})' if parts else ''}; {opening} open here")
    if nodes:
        say(f"elsewhere {told(nodes)}; {_needing()} need the keys there too")
    wrong = [*complaints(desk, designated, inventory), *filter(None, [exposed, desk.vault.trouble])]
    say(*wrong)
    return 1 if wrong else 0


def _needing() -> str:
    *some, last = (f"{name}s" for name in NEED_KEYS)
    return f"{', '.join(some)} and {last}"


def key_lines(desk: Desk, designated: Designation, inventory: Inventory) -> Iterator[str]:
    """A line for each key of the file, and for each that lacks."""
    by_key = inventory.by_key
    wanted = [key_id for key_id in (designated.seals, designated.prepared) if key_id]
    for key_id in dict.fromkeys([*desk.vault.key_ids, *wanted, *sorted(by_key)]):
        words = "seals" if key_id == designated.seals else "opens"
        if key_id == designated.prepared:
            words = "prepared: `deis-daemon vault rotate` seals with it"
        elif key_id not in desk.vault.key_ids:
            words += ", but is not on this host"
        elif key_id != designated.seals and designated.seals:
            used = by_key[key_id] or inventory.strays.get(key_id)
            words += "; `deis-daemon vault rotate` goes on" if used else f"; `deis-daemon vault retire {key_id}`"
        yield f"  {key_id:12} {by_key[key_id]:7} secrets  {words}"


def complaints(desk: Desk, designated: Designation, inventory: Inventory) -> Iterator[str]:
    """What is not as it should be, and what to do."""
    missing = {secret.key_id for secret in inventory.shut if secret.keyless}
    if designated.seals and designated.seals not in desk.vault.key_ids:
        missing.add(designated.seals)
    if missing:
        yield f"Keys that are not on this host: {', '.join(sorted(missing))}; {remedy(desk.file.path)}"
    if designated.seals is None:
        yield "No key is designated to seal: a controller does that when it starts."
    if inventory.shut:
        yield f"{len(inventory.shut)} secrets do not open here:"
        yield from listed(f"{secret.name}: {secret.trouble.partition(';')[0]}" for secret in inventory.shut)
    if inventory.unread:
        yield f"{len(inventory.unread)} records that should hold secrets cannot be read:"
        yield from listed(f"{key}: {why}" for key, why in inventory.unread.items())
    known = {key_id: keys for key_id, keys in inventory.strays.items() if key_id in desk.vault.key_ids}
    if known:
        yield "Records hold something sealed that this version does not know of, and that no rotation would seal anew:"
        yield from listed(f"{key} takes {key_id}" for key_id, keys in known.items() for key in keys)
