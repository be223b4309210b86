"""`vault write-off`: the way on when a key is lost for good. What it sealed is given up, app by app."""

from __future__ import annotations

import argparse

from libs.store import StaleRevision
from libs.vault.commands.desk import Desk, Refused, by_node, carry, confirm, listed, say, told
from libs.vault.designation import Designation
from libs.vault.inventory import Inventory, Secret
from libs.vault.keyfile import new_key

NAME = "write-off"
HELP = "give up what no key opens any more, when a key is lost for good"
ABOUT = """\
For a key that is lost for good, on every host and in every backup: each release whose config does not open gets an
empty one, each certificate whose private key does not open is removed, each log drain whose password and key do not
open goes on without them, the builder's key is made anew, and a new key seals from now on. Running instances keep the
values that they were started with (`docker inspect` tells them); those that start later have none until their users
set them again. There is no way back."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its flag."""
    parser.add_argument("--yes", action="store_true", help="do not ask; for scripts")


async def do(desk: Desk, asked: argparse.Namespace) -> int:
    """Name what does not open, ask, and give it up."""
    designated, inventory = await desk.designations.read(), await desk.inventory()
    lost = {secret.key_id for secret in inventory.shut if secret.keyless}
    if designated.seals and not desk.vault.holds(designated.seals):
        lost.add(designated.seals)
    if not lost and not inventory.shut:
        say("Every secret opens here: there is nothing to write off.")
        return 0
    await _refuse_if_kept(desk, lost)
    say(f"{len(inventory.shut)} secrets do not open here:", *listed(secret.name for secret in inventory.shut))
    if not asked.yes:
        confirm("They would be given up for good", "Give them up?")
    await _seal_anew_from_now_on(desk, designated, inventory)
    left = [secret.name for secret in inventory.shut if not await _give_up(desk, secret)]
    if left:
        raise Refused("\n".join(["these were changed meanwhile; run it again:", *listed(left)]))
    say(
        f"Given up: {len(inventory.shut)} secrets. Have the apps' users set their config (`deis config:set`) and add "
        "their certificates (`deis certs:add`) and log drains with a password or a key (`deis drains:add`) again; the "
        "builder takes its new key.",
        "Back the key file up now: `deis-daemon vault backup FILE`.",
    )
    return 0


async def _refuse_if_kept(desk: Desk, lost: set[str]) -> None:
    """Raise `Refused` where a daemon says that it has a key that lacks here."""
    keeping = by_node(member for member in await desk.elsewhere() if lost & set(member.vault_keys))
    if keeping:
        there = ", ".join(sorted(lost))
        raise Refused(
            f"nothing is lost: {told(keeping)} has keys that lack here ({there}). Run there:\n"
            + "\n".join(carry([desk.settings.node]))
        )


async def _seal_anew_from_now_on(desk: Desk, designated: Designation, inventory: Inventory) -> None:
    """Have a key that is here seal, if the one that does is lost."""
    if designated.seals is not None and desk.vault.holds(designated.seals):
        desk.vault.designated = designated.seals
        return
    made = new_key()
    (key_id,) = made
    assert key_id not in inventory.by_key
    desk.file.change(lambda keys: {**made, **keys})
    await desk.designations.seal_with(key_id, designated)
    desk.vault.designated = key_id
    say(f"Key {key_id} seals from now on.")


async def _give_up(desk: Desk, secret: Secret) -> bool:
    """Put the field's blank in its place, or remove the record where it has none; False where it was changed."""
    blank, revision = secret.field.blank, secret.stored.revision
    try:
        if blank is None:
            await desk.store.delete(secret.entry_key, expect=revision)
        else:
            sealed = desk.vault.seal_text(secret.place, blank)
            document = secret.field.written(secret.stored.document, sealed)
            await desk.store.put(secret.entry_key, document.encode(), expect=revision)
    except StaleRevision:
        return False
    return True
