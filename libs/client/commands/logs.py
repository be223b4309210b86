"""`deis logs`: an app's last lines, and with `--follow` those that come."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.errors import Refused
from libs.client.commands.options import AppOption
from libs.client.errors import BadArgument, Interrupted
from libs.client.invocation import Invocation, agent, present
from libs.client.logs import Printed, coloured
from libs.client.outlet import while_read
from libs.client.suggestions import process_names, release_names, starting_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from libs.client.api.client import Client
    from libs.client.tailing import Wanted

LINES = 1000  # without --lines, as version 1's controller has it
FOLLOWED = 100  # what comes first when a log is followed
ALL = 1_000_000  # what a logger would give at most
NO_LOGGER = 500  # as version 1 answers where no logger does

ProcessOption = Annotated[
    str | None,
    typer.Option("--ps", metavar="PROCESS", help="Of web, web.1, deis or router alone.", autocompletion=process_names),
]
ReleaseOption = Annotated[
    str | None, typer.Option("--release", metavar="VERSION", help="Of v3 alone.", autocompletion=release_names)
]
StreamOption = Annotated[
    str | None,
    typer.Option(
        "--stream",
        metavar="STREAM",
        help="stdout, stderr or platform alone.",
        autocompletion=starting_with(("stdout", "stderr", "platform")),
    ),
]
LevelOption = Annotated[
    str | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="At least debug, info, warning or error, as the line itself says.",
        autocompletion=starting_with(("debug", "info", "warning", "error")),
    ),
]


def logs(  # noqa: PLR0913, PLR0917 - the filters
    context: typer.Context,
    app: AppOption = None,
    lines: Annotated[
        int | None,
        typer.Option("-n", "--lines", metavar="NUMBER", help="How many lines, newest; 0 with -f for new ones alone."),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    process: ProcessOption = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Not before; as 10m, or 2026-01-31T23:59:59Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Not after.")] = None,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="PATTERN", help="Whose text matches this regular expression (RE2).")
    ] = None,
    release: ReleaseOption = None,
    stream: StreamOption = None,
    level: LevelOption = None,
    instance: Annotated[str | None, typer.Option("--instance", metavar="ID", help="Of one container alone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs: an object a line.")] = False,
) -> int:
    """Show the newest log lines, and with -f those that come. As in `logs -f --ps web --grep timeout`.

    A log that is followed goes on over deploys, new processes and lost connections; what could not be told of it stands
    among the lines as deis's own word, with --json as {"missed": 12, "from": ..., "until": ..., "why": ...}.

    In a pipe each line passes as the app wrote it, but for what is not UTF-8. A terminal gets an app's colours, and its
    other control characters spelt out: no line moves the cursor or renames the window.
    """
    call = present(context)
    name = call.app(app)
    if lines is not None and lines < (0 if follow else 1):
        raise BadArgument(f'"--lines={lines}" is no number of lines; give {"0" if follow else "1"} or more')
    if follow and until:
        raise BadArgument(f'"--until={until}" has an end, and --follow has none: give one of them')
    asked = {
        "process": process,
        "instance": instance,
        "release": release,
        "stream": stream,
        "since": since,
        "until": until,
        "grep": grep,
        "level": level,
    }
    select = {field: value for field, value in asked.items() if value is not None}
    if (lines is None and (since or until)) or (lines or 0) > ALL:
        lines = ALL
    if not (follow or json):
        show(call, name, lines, select)
        return 0

    from libs.client.tailing import Wanted  # noqa: PLC0415 - brings aiohttp and websockets

    most = (FOLLOWED if follow else LINES) if lines is None else lines
    return read(call, Wanted(name, most, select, once=not follow), json=json)


def show(call: Invocation, app: str, lines: int | None, select: dict[str, str]) -> None:
    """The last lines, to the byte as version 1 shows them."""

    async def question(client: Client) -> str:
        try:
            return await client.logs.last(app, lines, select)
        except Refused as refused:
            if refused.status == NO_LOGGER:
                refused.add_note("No logger tells its lines now; the app itself goes on. Try again soon.")
            raise

    told = call.ask(question)
    if select and not told:
        warn_of_none(call, app, select)
        return
    for line in told.rstrip("\n").split("\n"):
        call.screen.line(coloured(line, call.screen))


def warn_of_none(call: Invocation, app: str, select: Mapping[str, str]) -> None:
    """Say that it is the filters that leave nothing."""
    call.screen.warn(f"no line that {app}'s log has passes {' '.join(options(select))}")


def options(select: Mapping[str, str]) -> list[str]:
    """The filters as they were typed, about."""
    names = {"process": "ps"}
    return [f"--{names.get(name, name)}={shlex.quote(value)}" for name, value in select.items()]


def read(call: Invocation, wanted: Wanted, *, json: bool) -> int:
    """A tail, to its end or to Ctrl-C, which is how it is meant to end."""
    printed = Printed(call.screen, wanted.app, json=json)

    async def question(client: Client) -> None:
        from libs.client.tailing import Tail  # noqa: PLC0415 - brings aiohttp and websockets

        async with while_read(call.screen.out):
            await Tail(client, wanted, printed, verify=call.profile().ssl_verify, agent=agent()).run()

    try:
        call.ask(question)
    except Interrupted as interrupted:
        return interrupted.exit_status
    if wanted.once and wanted.select and not printed.told:
        warn_of_none(call, wanted.app, wanted.select)
    return 0
