"""`deis healthchecks:…`: the probes that tell whether an app's processes have started, can serve, and are alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from libs.client.commands.deploying import deploy, deploy_change
from libs.client.commands.options import AppOption, JsonOption, LogsOption
from libs.client.errors import BadArgument
from libs.client.invocation import Invocation, present
from libs.client.pairs import PROCESS_TYPE, parse_names
from libs.client.probes import PROBES, ProbeOptions, lines, parse_probe, parse_probe_names, routed_type
from libs.client.suggestions import process_types, starting_with

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.healthchecks import HealthcheckSet

GAP = 3
WAYS = ("httpGet", "tcpSocket", "exec", "staysUp")

Changes = Mapping[str, Mapping[str, Mapping[str, Any] | None]]  # by process type and probe; None removes one

ProbeArgument = Annotated[
    str, typer.Argument(metavar="PROBE", help="startup, readiness or liveness.", autocompletion=starting_with(PROBES))
]
TypeOption = Annotated[
    str | None,
    typer.Option(
        "--type", metavar="TYPE", help="The process type; web where not given, else cmd.", autocompletion=process_types
    ),
]


def fetch(call: Invocation, app: str) -> HealthcheckSet:
    """The present probes."""

    async def question(client: Client) -> HealthcheckSet:
        return await client.healthchecks.get(app)

    return call.ask(question)


def show(call: Invocation, app: str, found: HealthcheckSet, only: str | None = None) -> None:
    """Every probe that holds, by process type; those that nobody has set are marked."""
    call.screen.heading(f"{app} Healthchecks")
    for type_ in sorted(found.effective.keys() | found.healthcheck.keys()):
        if only not in {None, type_}:
            continue
        call.screen.subheading(f"{call.screen.visible(type_)}:")
        told = lines(found.healthcheck.get(type_, {}), found.effective.get(type_, {}))
        call.screen.pairs(told, GAP)


def structure(call: Invocation, app: str) -> dict[str, int]:
    """What the application runs, by process type."""

    async def question(client: Client) -> dict[str, int]:
        return (await client.apps.get(app)).structure

    return call.ask(question)


def meant(call: Invocation, app: str, type_: str | None) -> str:
    """The process type that a probe is for; `BadArgument` where it cannot be guessed."""
    if type_:
        return parse_names([type_], PROCESS_TYPE, example="--type web")[0]
    return routed_type(app, structure(call, app))


def change(  # noqa: PLR0913 - what, and how it is told
    call: Invocation, app: str, label: str, probes: Changes, *, logs: bool, json: bool
) -> None:
    """Change probes, and wait until the release that this makes is out."""

    async def question(client: Client) -> str:
        return (await client.healthchecks.change(app, probes)).release

    if json:
        with call.screen.progress("", quiet=True) as ending:
            deploy(call, app, question, ending, logs=logs)
    else:
        deploy_change(call, app, label, question, logs=logs)


def tell(call: Invocation, app: str, *, json: bool, only: str | None = None) -> None:
    """The probes that hold now."""
    found = fetch(call, app)
    if json:
        call.screen.json(found.as_json())
    else:
        show(call, app, found, only)


def list_(context: typer.Context, app: AppOption = None, type_: TypeOption = None, json: JsonOption = False) -> None:
    """List the probes that hold for an application's processes."""
    call = present(context)
    tell(call, call.app(app), json=json, only=type_)


def set_(  # noqa: PLR0913, PLR0917 - what Deis Workflow takes
    context: typer.Context,
    probe: ProbeArgument,
    way: Annotated[
        str,
        typer.Argument(metavar="WAY", help="httpGet, tcpSocket, exec or staysUp.", autocompletion=starting_with(WAYS)),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PORT|COMMAND|SECONDS",
            help="The port (the process's own where not given), the command behind --, or the seconds (5).",
            show_default=False,
        ),
    ] = None,
    type_: TypeOption = None,
    path: Annotated[str | None, typer.Option("-p", "--path", help="What httpGet asks for; / where not given.")] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--headers", "--header", metavar="'NAME: VALUE'", help="What httpGet sends along; repeatable."),
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="What httpGet passes with, as 204 or 200-299; else 200-399.")
    ] = None,
    initial_delay: Annotated[
        str | None,
        typer.Option("--initial-delay-timeout", "--initial-delay", metavar="TIME", help="Before the first; else 0."),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout-seconds", "--timeout", metavar="TIME", help="Of each; else 1s.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period-seconds", "--period", metavar="TIME", help="From one to the next; else 10s.")
    ] = None,
    success: Annotated[
        int | None,
        typer.Option(
            "--success-threshold", "--success", min=1, metavar="NUMBER", help="Passes in a row to pass; else 1."
        ),
    ] = None,
    failure: Annotated[
        int | None,
        typer.Option(
            "--failure-threshold", "--failure", min=1, metavar="NUMBER", help="Failures in a row to fail; else 3."
        ),
    ] = None,
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Set a probe of a process type. That makes a release, which is deployed and must pass it.

    startup: the others wait until it has passed once. readiness: requests are sent to what passes alone. liveness: what
    fails is replaced. As in `healthchecks:set readiness httpGet 8080 --path /ready`, `healthchecks:set liveness exec --
    cat /tmp/alive` or `healthchecks:set readiness staysUp 10 --type worker`.
    """
    call = present(context)
    options = ProbeOptions(path, tuple(headers or ()), status, initial_delay, timeout, period, success, failure)
    field = parse_probe_names([probe])[0]
    wanted = parse_probe(field, way, words or (), options)
    name = call.app(app)
    processes = meant(call, name, type_)

    change(call, name, f"Applying {field} to {processes}...", {processes: {field: wanted}}, logs=logs, json=json)
    runs = structure(call, name)
    if runs and processes not in runs:
        others = ", ".join(sorted(runs))
        call.screen.warn(f"No process of type {processes} runs, so nothing is probed yet; {name} runs {others}.")
    tell(call, name, json=json)


def unset(  # noqa: PLR0913, PLR0917 - what Deis Workflow takes, and more
    context: typer.Context,
    probes: Annotated[
        list[str],
        typer.Argument(metavar="PROBE", help="startup, readiness or liveness.", autocompletion=starting_with(PROBES)),
    ],
    type_: TypeOption = None,
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Remove probes of a process type: the default holds again. That makes a release, which is deployed."""
    call = present(context)
    fields = parse_probe_names(probes)
    name = call.app(app)
    processes = meant(call, name, type_)
    given = fetch(call, name).healthcheck.get(processes, {})
    if not given.keys() & set(fields):
        has = f"only {', '.join(sorted(given))}" if given else "none"
        raise BadArgument(
            f"{processes} has no {' and no '.join(fields)} that could be removed: of its own it has {has}"
        )

    label = f"Removing {', '.join(fields)} from {processes}..."
    change(call, name, label, {processes: dict.fromkeys(fields)}, logs=logs, json=json)
    tell(call, name, json=json)


COMMANDS = {"list": list_, "set": set_, "unset": unset}
