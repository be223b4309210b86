"""`deis config:…`: an app's environment."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.deploying import deploy, deploy_change
from libs.client.commands.options import AppOption, JsonOption, LogsOption
from libs.client.dotenv import format_dotenv, parse_dotenv
from libs.client.errors import BadArgument
from libs.client.files import read_text, write_private
from libs.client.invocation import Invocation, present
from libs.client.pairs import KEY, parse_config, parse_names
from libs.client.suggestions import config_keys

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.config import Config

LIMITS = ("memory", "cpu")  # groups of the config that are shown together
EnvPathOption = Annotated[Path, typer.Option("-p", "--path", help="The file to read.", dir_okay=False)]


def as_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Config values as the environment has them, sorted."""
    return {key: str(value) for key, value in sorted(values.items())}


def quoted(value: str) -> str:
    """A value as a shell takes it for itself again, in quotes where it needs them."""
    return shlex.quote(value) if value else value


def fetch(call: Invocation, app: str) -> Config:
    """The present config."""

    async def question(client: Client) -> Config:
        return await client.config.get(app)

    return call.ask(question)


def change(  # noqa: PLR0913 - what, and how it is told
    call: Invocation,
    app: str,
    label: str,
    show: Callable[[Invocation, str, Config], None],
    *,
    logs: bool = False,
    json: bool = False,
    **groups: Mapping[str, str | int | None],
) -> None:
    """Change groups of the config, wait until the new release runs, and show what is then."""

    async def question(client: Client) -> str | None:
        return (await client.config.change(app, **groups)).release

    if json:
        with call.screen.progress("", quiet=True) as ending:
            release = deploy(call, app, question, ending, logs=logs)
        found = fetch(call, app)
        shown = {name: getattr(found, name) for name in (LIMITS if groups.keys() & LIMITS else groups)}
        call.screen.json({"release": release, **shown})
    else:
        deploy_change(call, app, label, question, logs=logs)
        show(call, app, fetch(call, app))


def show(call: Invocation, app: str, config: Config) -> None:
    """The values in two columns."""
    call.screen.heading(f"{app} Config")
    call.screen.pairs(as_texts(config.values))


def list_(
    context: typer.Context,
    app: AppOption = None,
    oneline: Annotated[
        bool, typer.Option("--oneline", help="Print K=V pairs on one line, quoted for a shell.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List an application's config."""
    call = present(context)
    name = call.app(app)
    config = fetch(call, name)
    if json:
        call.screen.json(config.values)
    elif oneline:
        values = {key: call.screen.visible(value) for key, value in as_texts(config.values).items()}
        call.screen.line(" ".join(f"{key}={quoted(value)}" for key, value in values.items()))
    else:
        show(call, name, config)


def set_(
    context: typer.Context,
    values: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE", help="A value may be empty and hold = and line breaks.")
    ],
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Set config values. That makes a release, which is deployed. As in `config:set LEVEL=debug GREETING="good day"`.

    SSH_KEY takes a private key or the path of one, and is kept in base64.
    """
    call = present(context)
    pairs = parse_config(values, call.directory)
    change(call, call.app(app), "Creating config...", show, logs=logs, json=json, values=pairs)


def unset(
    context: typer.Context,
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Which to remove.", autocompletion=config_keys)],
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Remove config values. That makes a release, which is deployed."""
    call = present(context)
    names = parse_names(keys, KEY, example="the keys alone, as in config:unset PASSWORD")
    change(call, call.app(app), "Removing config...", show, logs=logs, json=json, values=dict.fromkeys(names))


def pull(
    context: typer.Context,
    app: AppOption = None,
    interactive: Annotated[bool, typer.Option("-i", "--interactive", help="Ask before a value is replaced.")] = False,
    overwrite: Annotated[bool, typer.Option("-o", "--overwrite", help="Replace values that differ.")] = False,
) -> None:
    """Write an application's config into the file .env, beside what it holds already."""
    call = present(context)
    name = call.app(app)
    path = call.directory / ".env"
    local = parse_dotenv(read_text(path)) if path.exists() else {}
    remote = as_texts(fetch(call, name).values)
    differing = [key for key in remote if key in local and local[key] != remote[key]]
    if differing and not (overwrite or interactive):
        raise BadArgument(
            f"{path} has other values for {', '.join(differing)}:"
            " use --overwrite to replace them, --interactive to choose"
        )
    kept = {key for key in differing if interactive and not agreed(call, key)}
    merged = {**local, **{key: value for key, value in remote.items() if key not in kept}}
    write_private(path, format_dotenv(merged))
    written = len(remote) - len(kept)
    call.screen.line(f"Wrote {written} {'value' if written == 1 else 'values'} to {path}")


def agreed(call: Invocation, key: str) -> bool:
    """Whether the user wants the local value replaced."""
    return call.prompts.line(f"Replace the value of {key} (y/n)", option="--overwrite").lower() in {"y", "yes"}


def push(
    context: typer.Context,
    app: AppOption = None,
    path: EnvPathOption = Path(".env"),
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Set config values from a file of KEY=VALUE lines."""
    call = present(context)
    name = call.app(app)
    values = parse_dotenv(read_text(call.directory / path))
    if not values:
        raise BadArgument(f"{path} holds no KEY=VALUE lines")
    change(call, name, "Creating config...", show, logs=logs, json=json, values=values)


COMMANDS = {"list": list_, "set": set_, "unset": unset, "pull": pull, "push": push}
