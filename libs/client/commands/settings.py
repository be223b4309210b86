"""`deis settings:…`: how an app's processes are replaced and drained, and how long they may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.options import AppOption, JsonOption
from libs.client.invocation import Invocation, present
from libs.client.knobs import KNOBS, Value, knob_named, parse_settings, rows
from libs.client.suggestions import starting_with

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.settings import SettingsOfApp

NAMES = tuple(knob.name for knob in KNOBS)


def show(call: Invocation, app: str, found: SettingsOfApp) -> None:
    """Each setting with its value, its default and what it is."""
    call.screen.heading(f"{app} Settings")
    call.screen.rows(("setting", "value", "default", "what it is"), rows(found.settings, found.defaults))


def change(call: Invocation, app: str, settings: Mapping[str, Value], *, json: bool) -> None:
    """Change settings and show what holds then."""

    async def question(client: Client) -> SettingsOfApp:
        return await client.settings.change(app, settings)

    with call.screen.progress("Applying settings...", quiet=json):
        found = call.ask(question, note="Look with `deis settings` whether they were changed.")
    if json:
        call.screen.json(found.as_json())
        return
    call.screen.line()
    show(call, app, found)


def list_(context: typer.Context, app: AppOption = None, json: JsonOption = False) -> None:
    """List an application's settings."""
    call = present(context)
    name = call.app(app)

    async def question(client: Client) -> SettingsOfApp:
        return await client.settings.get(name)

    found = call.ask(question)
    if json:
        call.screen.json(found.as_json())
    else:
        show(call, name, found)


def set_(
    context: typer.Context,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE",
            help=f"As surge=50% or drain=60; times as 90, 90s or 5m. Names: {', '.join(NAMES)}.",
            autocompletion=starting_with([f"{name}=" for name in NAMES]),
        ),
    ],
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Set settings. They hold from now on, and make no release."""
    call = present(context)
    wanted = parse_settings(settings)
    change(call, call.app(app), wanted, json=json)


def unset(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="As drain.", autocompletion=starting_with(NAMES))],
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Bring the defaults of settings back. They hold from now on, and make no release."""
    call = present(context)
    fields = [knob_named(name).field for name in names]
    change(call, call.app(app), dict.fromkeys(fields), json=json)


COMMANDS = {"list": list_, "set": set_, "unset": unset}
