"""`deis tags:…`: what a node must be for an app's processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.config import change, fetch
from libs.client.commands.options import AppOption, JsonOption, LogsOption
from libs.client.invocation import Invocation, present
from libs.client.pairs import TAG, parse_names, parse_pairs
from libs.client.suggestions import tag_names

if TYPE_CHECKING:
    from libs.client.api.config import Config

APPLYING = "Applying tags..."


def show(call: Invocation, app: str, config: Config) -> None:
    """The tags in two columns."""
    call.screen.heading(f"{app} Tags")
    call.screen.pairs(dict(sorted(config.tags.items())), 5)


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
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Run processes on nodes with these tags alone. That makes a release, which is deployed."""
    call = present(context)
    change(call, call.app(app), APPLYING, show, logs=logs, json=json, tags=parse_pairs(tags, TAG, example="disk=ssd"))


def unset(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="As disk.", autocompletion=tag_names)],
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Ask for these tags no more. That makes a release, which is deployed."""
    call = present(context)
    names = parse_names(keys, TAG, example="the keys alone, as in tags:unset disk")
    change(call, call.app(app), APPLYING, show, logs=logs, json=json, tags=dict.fromkeys(names))


COMMANDS = {"list": list_, "set": set_, "unset": unset}
