"""`deis tags:…`: what a node must be for an app's processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.config import fetch
from libs.client.commands.options import AppOption, JsonOption
from libs.client.invocation import GOES_ON, Invocation, present
from libs.client.pairs import TAG, parse_names, parse_pairs

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.config import Config


def show(call: Invocation, app: str, config: Config) -> None:
    """The tags in two columns."""
    call.screen.heading(f"{app} Tags")
    call.screen.pairs(dict(sorted(config.tags.items())), 5)


def change(call: Invocation, app: str, tags: Mapping[str, str | None]) -> None:
    """Change tags, wait until the new release runs, and show what is then."""

    async def question(client: Client) -> None:
        await client.config.change(app, tags=tags)

    with call.screen.progress("Applying tags..."):
        call.ask(question, note=GOES_ON)
    call.screen.line()
    show(call, app, fetch(call, app))


def list_(context: typer.Context, app: AppOption = None, json: JsonOption = False) -> None:
    """List an application's tags."""
    call = present(context)
    name = call.app(app)

    config = fetch(call, name)
    if json:
        call.screen.json(config.tags)
    else:
        show(call, name, config)


def set_(
    context: typer.Context,
    tags: Annotated[list[str], typer.Argument(metavar="KEY=VALUE", help="As disk=ssd.")],
    app: AppOption = None,
) -> None:
    """Run processes on nodes with these tags alone. That makes a release, which is deployed."""
    call = present(context)
    change(call, call.app(app), parse_pairs(tags, TAG, example="disk=ssd"))


def unset(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="As disk.")],
    app: AppOption = None,
) -> None:
    """Ask for these tags no more. That makes a release, which is deployed."""
    call = present(context)
    names = parse_names(keys, TAG, example="the keys alone, as in tags:unset disk")
    change(call, call.app(app), dict.fromkeys(names))


COMMANDS = {"list": list_, "set": set_, "unset": unset}
