"""`deis limits:…`: how much memory and CPU a process may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.config import fetch
from libs.client.commands.options import AppOption, JsonOption
from libs.client.errors import BadArgument
from libs.client.invocation import GOES_ON, Invocation, present
from libs.client.pairs import PROCESS_TYPE, parse_names, parse_pairs

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.config import Config

MemoryFlag = Annotated[bool, typer.Option("-m", "--memory", help="Limits of memory (the default).")]
CpuFlag = Annotated[bool, typer.Option("-c", "--cpu", help="Relative shares of CPU, 0 to 1024.")]
GAP = 5


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


def change(call: Invocation, app: str, limits: Mapping[str, str | None], *, cpu: bool) -> None:
    """Change limits of one kind, wait until the new release runs, and show what is then."""

    async def question(client: Client) -> None:
        if cpu:
            shares = {type_: None if limit is None else int(limit) for type_, limit in limits.items()}
            await client.config.change(app, cpu=shares)
        else:
            await client.config.change(app, memory=limits)

    with call.screen.progress("Applying limits..."):
        call.ask(question, note=GOES_ON)
    call.screen.line()
    show(call, app, fetch(call, app))


def list_(context: typer.Context, app: AppOption = None, json: JsonOption = False) -> None:
    """List an application's limits."""
    call = present(context)
    name = call.app(app)

    config = fetch(call, name)
    if json:
        call.screen.json({"memory": config.memory, "cpu": config.cpu})
    else:
        show(call, name, config)


def set_(
    context: typer.Context,
    limits: Annotated[list[str], typer.Argument(metavar="TYPE=LIMIT", help="As web=512M, or with -c web=512.")],
    app: AppOption = None,
    memory: MemoryFlag = False,
    cpu: CpuFlag = False,
) -> None:
    """Limit processes by type. Memory is a number with B, K, M or G. That makes a release, which is deployed."""
    call = present(context)
    wanted = parse_pairs(limits, PROCESS_TYPE, example="web=512M")
    cpu = cpu_meant(memory=memory, cpu=cpu)
    if cpu and (wrong := [limit for limit in wanted.values() if not limit.isdecimal()]):
        raise BadArgument(f'"{wrong[0]}" is no share of CPU: a whole number from 0 to 1024 is')
    change(call, call.app(app), wanted, cpu=cpu)


def unset(
    context: typer.Context,
    types: Annotated[list[str], typer.Argument(metavar="TYPE", help="As web.")],
    app: AppOption = None,
    memory: MemoryFlag = False,
    cpu: CpuFlag = False,
) -> None:
    """Limit processes of a type no more. That makes a release, which is deployed."""
    call = present(context)
    names = parse_names(types, PROCESS_TYPE, example="the types alone, as in limits:unset web")
    change(call, call.app(app), dict.fromkeys(names), cpu=cpu_meant(memory=memory, cpu=cpu))


def cpu_meant(*, memory: bool, cpu: bool) -> bool:
    """Which kind; `BadArgument` if both were named."""
    if memory and cpu:
        raise BadArgument("give --memory or --cpu, not both")
    return cpu


COMMANDS = {"list": list_, "set": set_, "unset": unset}
