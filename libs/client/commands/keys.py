"""`deis keys:…`: the SSH keys with which you push."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.errors import UNIQUE, Refused
from libs.client.commands.listing import shown
from libs.client.commands.options import JsonOption, LimitOption
from libs.client.errors import BadArgument
from libs.client.files import expanded, home_of
from libs.client.invocation import Invocation, present
from libs.client.sshkeys import PublicKey, own_public_keys, read_public_key, shortened
from libs.client.suggestions import key_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.keys import Key


def list_(context: typer.Context, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List your SSH keys."""
    call = present(context)
    most = call.limit(limit)

    async def question(client: Client) -> Page[Key]:
        return await client.keys.list(most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{call.username()} Keys", note=shown(page))
    if call.screen.lively:
        rows = [(key.id, shortened(key.public), key.fingerprint) for key in page.results]
        call.screen.rows(("key", "public", "fingerprint"), rows)
    else:
        for key in page.results:
            call.screen.line(f"{key.id} {shortened(key.public)}")


def add(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="As ~/.ssh/id_ed25519.pub; asked for where not given.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", metavar="NAME", help="What to call it; its comment where not given.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Add an SSH key, to push with. As in `keys:add ~/.ssh/id_ed25519.pub`."""
    call = present(context)
    call.profile()
    key = choose(call) if file is None else read_public_key(call.directory / expanded(file, call.environment))

    async def question(client: Client) -> Key:
        try:
            return await client.keys.add(name or key.name, key.public)
        except Refused as refused:
            if any(UNIQUE in text for text in refused.fields.get("public", ())):
                refused.add_note("This key is there already, as yours (see `deis keys`) or as another user's.")
            raise

    with call.screen.progress(f"Uploading {key.path.name} to deis...", quiet=json):
        added = call.ask(question, note="Look with `deis keys` whether it was added.")
    if json:
        call.screen.json(added.as_json())


def choose(call: Invocation) -> PublicKey:
    """One of the user's own keys, or another file's, as the user says."""
    option = "a file: deis keys:add ~/.ssh/id_ed25519.pub"
    keys = list(own_public_keys(home_of(call.environment)))
    if keys:
        call.screen.line("Found the following SSH public keys:")
        for number, key in enumerate(keys, 1):
            call.screen.line(f"{number}) {call.screen.visible(key.path.name)} {call.screen.visible(key.name)}")
        call.screen.line("0) Enter path to pubfile (or use keys:add <key_path>)")
        answer = call.prompts.line("Which would you like to use with Deis?", option=option, ending=" ").strip()
        if not answer.isdecimal() or int(answer) > len(keys):
            raise BadArgument(f'"{answer}" is not a valid option: type a number from 0 to {len(keys)}')
        if int(answer):
            return keys[int(answer) - 1]
    path = call.prompts.line("Enter the path to the pubkey file", option=option, thing="key file").strip()
    if not path:
        raise BadArgument(f"no key given: use {option}")
    return read_public_key(call.directory / expanded(path, call.environment))


def remove(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its name in `deis keys`.", autocompletion=key_names)],
) -> None:
    """Remove an SSH key: nobody pushes with it any more."""
    call = present(context)
    call.profile()

    async def question(client: Client) -> None:
        await client.keys.remove(key)

    with call.screen.progress(f"Removing {key} SSH Key..."):
        call.ask(question, note="Look with `deis keys` whether it was removed.")


COMMANDS = {"list": list_, "add": add, "remove": remove}
