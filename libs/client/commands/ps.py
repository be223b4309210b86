"""`deis ps:…`: processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from libs.client.commands.deploying import deploy
from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption, LogsOption
from libs.client.errors import BadArgument
from libs.client.invocation import Invocation, present
from libs.client.pairs import parse_formation, parse_process
from libs.client.screen import GREEN, RED, YELLOW, Screen
from libs.client.suggestions import process_counts, process_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.processes import Process
    from libs.client.api.releases import Release

T = TypeVar("T")

STYLES = {"up": GREEN, "crashed": RED, "error": RED, "down": RED, "destroyed": RED}


def show_processes(screen: Screen, app: str, processes: Iterable[Process], note: str = "") -> None:
    """The processes by type, each with its state and release."""
    screen.heading(f"{app} Processes", note=note)
    ordered = sorted(processes, key=lambda process: (process.type, process.num))
    types = sorted({process.type for process in ordered})
    for type_ in types:
        screen.subheading(f"{screen.visible(type_)}:")
        for process in ordered:
            if process.type == type_:
                state = screen.styled(screen.visible(process.state), STYLES.get(process.state, YELLOW))
                screen.line(f"{screen.visible(process.name)} {state} ({screen.visible(process.release)})")
                trouble(screen, process)


def trouble(screen: Screen, process: Process) -> None:
    """Below one that is not ready or not live, or has crashed: why, and its last lines of output."""
    if process.reason:
        screen.below(process.reason)
    if process.last_lines:
        screen.below("its last lines:", *(f"    {line}" for line in process.last_lines))


def tell_why_none(call: Invocation, app: str) -> None:
    """Where nothing runs because the newest release failed: say so, on standard error."""

    async def question(client: Client) -> Page[Release]:
        return await client.releases.list(app, 1)

    for release in call.ask(question).results[:1]:
        if release.state == "failed":
            why = f"v{release.version} failed: {release.reason or 'nobody knows why'}; nothing runs."
            call.screen.warn(f"{why}\n`deis releases:info v{release.version} -a {app}` has its last lines.")


def fetch(call: Invocation, app: str, most: int) -> Page[Process]:
    """The processes as they are now."""

    async def question(client: Client) -> Page[Process]:
        return await client.processes.list(app, most)

    return call.ask(question)


def at_work(  # noqa: PLR0913 - what, and how it is told
    call: Invocation,
    app: str,
    doing: str,
    question: Callable[[Client], Awaitable[T]],
    *,
    logs: bool = False,
    quiet: bool = False,
) -> T:
    """v1's two lines round slow work: `Scaling processes... but first, coffee!` and `done in 3s`."""
    drink = call.environment.get("DEIS_DRINK_OF_CHOICE") or "coffee"
    if not quiet:
        call.screen.line(f"{doing} processes... but first, {drink}!")
    with call.screen.progress("", quiet=quiet) as ending:
        result = deploy(call, app, question, ending, logs=logs)
        ending.text = "done in {seconds}s"
    return result


def list_(context: typer.Context, app: AppOption = None, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List an application's processes."""
    call = present(context)
    name, most = call.app(app), call.limit(limit)

    page = fetch(call, name, most)
    if json:
        call.screen.json(page.as_json())
    else:
        show_processes(call.screen, name, page.results, shown(page))
        if not page.results:
            tell_why_none(call, name)


def scale(
    context: typer.Context,
    formation: Annotated[
        list[str],
        typer.Argument(metavar="TYPE=NUMBER", help="As web=3 worker=0.", autocompletion=process_counts),
    ],
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Run so many processes of each named type; others stay as they are."""
    call = present(context)
    name, counts = call.app(app), parse_formation(formation)

    async def question(client: Client) -> None:
        await client.processes.scale(name, counts)

    at_work(call, name, "Scaling", question, logs=logs, quiet=json)
    show_now(call, name, json=json)


def show_now(call: Invocation, app: str, *, json: bool) -> None:
    """The processes as they are after a change."""
    page = fetch(call, app, call.limit(None))
    if json:
        call.screen.json(page.as_json())
    else:
        show_processes(call.screen, app, page.results, shown(page))


def restart(
    context: typer.Context,
    process: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE[.NUMBER]", help="As web or web.1; all where not given.", autocompletion=process_names
        ),
    ] = None,
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Replace processes by new ones of the same release, without a gap."""
    call = present(context)
    name = call.app(app)
    type_, number = parse_process(process) if process else (None, None)

    async def question(client: Client) -> tuple[Process, ...]:
        replaced = await client.processes.restart(name, type_, number)
        if not replaced and process:
            raise BadArgument(f"{name} has no process {process}: see `deis ps -a {name}`")
        return replaced

    replaced = at_work(call, name, "Restarting", question, logs=logs, quiet=json)
    if not replaced and not json:
        call.screen.line("Could not find any processes to restart")
    else:
        show_now(call, name, json=json)


COMMANDS = {"list": list_, "scale": scale, "restart": restart}
