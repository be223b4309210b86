"""`deis limits:…`: how much memory and CPU a process may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.config import change, fetch
from libs.client.commands.healthchecks import structure
from libs.client.commands.options import AppOption, JsonOption, LogsOption
from libs.client.errors import BadArgument
from libs.client.invocation import Invocation, present
from libs.client.pairs import PROCESS_TYPE, parse_names, parse_pairs
from libs.client.suggestions import process_types

if TYPE_CHECKING:
    from libs.client.api.config import Config

MemoryFlag = Annotated[bool, typer.Option("-m", "--memory", help="Limits of memory (the default).")]
CpuFlag = Annotated[bool, typer.Option("-c", "--cpu", help="Relative shares of CPU, 0 to 1024.")]
GAP = 5
APPLYING = "Applying limits..."
ONE_OFF = "run"  # the process type of `deis run`, which an app's formation does not have


def show(call: Invocation, app: str, config: Config) -> None:
    """Both kinds of limits, by process type."""
    call.screen.heading(f"{app} Limits")
    call.screen.line()
    call.screen.subheading("Memory")
    table(call, config.memory)
    call.screen.line()
    call.screen.subheading("CPU")
    table(call, config.cpu)


def table(call: Invocation, limits: Mapping[str, object]) -> None:
    """One kind of limits."""
    if limits:
        call.screen.pairs(dict(sorted(limits.items())), GAP)
    else:
        call.screen.line("Unlimited")


def list_(context: typer.Context, app: AppOption = None, json: JsonOption = False) -> None:
    """List an application's limits."""
    call = present(context)
    name = call.app(app)

    config = fetch(call, name)
    if json:
        call.screen.json({"memory": config.memory, "cpu": config.cpu})
    else:
        show(call, name, config)


def set_(  # noqa: PLR0913, PLR0917 - what v1 takes
    context: typer.Context,
    limits: Annotated[list[str], typer.Argument(metavar="TYPE=LIMIT", help="As web=512M, or with -c web=512.")],
    app: AppOption = None,
    memory: MemoryFlag = False,
    cpu: CpuFlag = False,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Limit processes by type. Memory is a number with B, K, M or G. That makes a release, which is deployed."""
    call = present(context)
    wanted = parse_pairs(limits, PROCESS_TYPE, example="web=512M")
    if cpu and (wrong := [limit for limit in wanted.values() if not limit.isdecimal()]):
        raise BadArgument(f'"{wrong[0]}" is no share of CPU: a whole number from 0 to 1024 is')
    values = {type_: int(limit) if cpu else limit for type_, limit in wanted.items()}
    name = call.app(app)
    change(call, name, APPLYING, show, logs=logs, json=json, **{kind(memory=memory, cpu=cpu): values})
    runs = structure(call, name)
    if runs and (unknown := sorted(values.keys() - runs.keys() - {ONE_OFF})):
        none, others = " or ".join(unknown), ", ".join(sorted(runs))
        call.screen.warn(f"No process of type {none} runs, so nothing of it is limited yet; {name} runs {others}.")


def unset(  # noqa: PLR0913, PLR0917 - what v1 takes
    context: typer.Context,
    types: Annotated[list[str], typer.Argument(metavar="TYPE", help="As web.", autocompletion=process_types)],
    app: AppOption = None,
    memory: MemoryFlag = False,
    cpu: CpuFlag = False,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Limit processes of a type no more. That makes a release, which is deployed."""
    call = present(context)
    names = parse_names(types, PROCESS_TYPE, example="the types alone, as in limits:unset web")
    change(
        call,
        call.app(app),
        APPLYING,
        show,
        logs=logs,
        json=json,
        **{kind(memory=memory, cpu=cpu): dict.fromkeys(names)},
    )


def kind(*, memory: bool, cpu: bool) -> str:
    """Which group of the config is meant; `BadArgument` if both were named."""
    if memory and cpu:
        raise BadArgument("give --memory or --cpu, not both")
    return "cpu" if cpu else "memory"


COMMANDS = {"list": list_, "set": set_, "unset": unset}
