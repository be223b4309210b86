"""`deis platform:…`: the platform's own settings, for administrators."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.options import JsonOption
from libs.client.invocation import Invocation, present
from libs.client.pairs import parse_names, parse_pairs
from libs.client.suggestions import starting_with

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.platform import PlatformSettings

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
EXAMPLE = "registration=admin_only"
FIELDS = {"registration": "registration_mode"}  # the API's name by the one that users type
NAMES = {field: name for name, field in FIELDS.items()}
DIRECTORY = "ldap_"  # how the API's names begin of what says which directory knows people's passwords
MODES = ("enabled", "disabled", "admin_only")


def show(call: Invocation, found: PlatformSettings) -> None:
    """Each setting with its value and its default; those of a directory where one of them is set."""
    call.screen.heading("Platform Settings")
    fields = sorted(found.settings.keys() | found.defaults.keys())
    if all(found.settings.get(field) == found.defaults.get(field) for field in fields if field.startswith(DIRECTORY)):
        fields = [field for field in fields if not field.startswith(DIRECTORY)]
    rows = [
        (NAMES.get(field, field.replace("_", "-")), text(found.settings.get(field, default)), text(default))
        for field in fields
        for default in [found.defaults.get(field)]
    ]
    call.screen.rows(("setting", "value", "default"), rows)


def text(value: object) -> str:
    """A value as it is shown: its first line, nothing for none."""
    lines = "" if value is None else str(value).strip()
    first, more, _ = lines.partition("\n")
    return f"{first}…" if more else first


def change(call: Invocation, settings: Mapping[str, str | None], *, json: bool) -> None:
    """Change settings and show what holds then."""
    fields = {FIELDS.get(name, name.replace("-", "_")): value for name, value in settings.items()}

    async def question(client: Client) -> PlatformSettings:
        return await client.platform.change(fields)

    with call.screen.progress("Applying settings...", quiet=json):
        found = call.ask(question, note="Look with `deis platform` whether they were changed.")
    if json:
        call.screen.json(found.as_json())
        return
    call.screen.line()
    show(call, found)


def list_(context: typer.Context, json: JsonOption = False) -> None:
    """List the platform's settings."""
    call = present(context)

    async def question(client: Client) -> PlatformSettings:
        return await client.platform.settings()

    found = call.ask(question)
    if json:
        call.screen.json(found.as_json())
    else:
        show(call, found)


def set_(
    context: typer.Context,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE",
            help="As registration=admin_only: who may register, one of enabled, disabled and admin_only. Logins by an "
            "LDAP directory: ldap-endpoint, ldap-bind-dn, ldap-bind-password, ldap-user-basedn, ldap-user-filter, "
            "ldap-start-tls, ldap-ca.",
            autocompletion=starting_with([f"registration={mode}" for mode in MODES]),
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Set settings of the platform. As in `platform:set registration=admin_only`."""
    call = present(context)
    call.profile()
    change(call, parse_pairs(settings, NAME, example=EXAMPLE), json=json)


def unset(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="As registration.", autocompletion=starting_with(FIELDS))
    ],
    json: JsonOption = False,
) -> None:
    """Bring the defaults of settings back."""
    call = present(context)
    call.profile()
    wanted = parse_names(names, NAME, example="the names alone, as in platform:unset registration")
    change(call, dict.fromkeys(wanted), json=json)


COMMANDS = {"list": list_, "set": set_, "unset": unset}
