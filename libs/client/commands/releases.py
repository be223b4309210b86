"""`deis releases:…`: what was deployed and how, what is on its way, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.deploying import deploy
from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption, LogsOption, VersionArgument
from libs.client.commands.rollouts import Course, LinesOption
from libs.client.errors import BadArgument
from libs.client.evidence import first_asked, instance_lines, offset
from libs.client.invocation import Invocation, present
from libs.client.pairs import parse_version
from libs.client.screen import Screen
from libs.client.suggestions import release_names

if TYPE_CHECKING:
    from datetime import datetime

    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.releases import Cancellation, Evidence, Release

UnderWayArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="VERSION", help="As v3; the one that is under way where not given.", autocompletion=release_names
    ),
]

TOLD = frozenset({"current", "rolling", "failed", "cancelled"})


def list_(context: typer.Context, app: AppOption = None, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List an application's releases, newest first."""
    call = present(context)
    name, most = call.app(app), call.limit(limit)

    async def question(client: Client) -> Page[Release]:
        return await client.releases.list(name, most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{name} Releases", note=shown(page))
    told = any(release.state for release in page.results)
    headers = ("release", "created", "summary", "state") if told else ("release", "created", "summary")
    call.screen.rows(headers, [row(release) for release in page.results])


def row(release: Release) -> tuple[str, ...]:
    """Version 1's cells, and behind them whether this is the release that runs, is on its way, or came to nothing."""
    state = (release.state,) if release.state in TOLD else ()
    return (f"v{release.version}", release.created, release.summary or "", *state)


def info(
    context: typer.Context,
    version: VersionArgument,
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Show one release, and the evidence of how it was rolled out."""
    call = present(context)
    name, number = call.app(app), parse_version(version)

    async def question(client: Client) -> Release:
        return await client.releases.get(name, number)

    release = call.ask(question)
    if json:
        call.screen.json(release.as_json())
    else:
        show(call.screen, name, release)


def show(screen: Screen, app: str, release: Release) -> None:
    """A release's properties; of its rollout the phases, the instances with times from when it was asked for."""
    screen.heading(f"{app} Release v{release.version}")
    names = ("build", "config", "owner", "created", "summary", "updated", "uuid")
    asked = first_asked(release)
    of_rollout = {
        "state": release.state,
        "reason": release.reason,
        "asked": asked.isoformat(timespec="microseconds").replace("+00:00", "Z") if asked else release.asked,
        "phase": None if release.settled else release.phase,
        "waits for": None if release.settled else release.waiting,
        "in place": release.in_place,
    }
    facts = {field: getattr(release, field) or "" for field in names if field != "build" or release.build}
    screen.facts({**facts, **{name: value for name, value in of_rollout.items() if value}})
    if release.evidence:
        screen.line()
        screen.subheading("Phases:")
        headers = ("phase", "began", "took", "note")
        screen.rows(headers, [cells(phase, asked) for phase in release.evidence])
    if release.instances:
        screen.line()
        screen.subheading("Instances:")
        for line in instance_lines(release):
            screen.line(line)
    if release.last_lines:
        screen.line()
        screen.subheading("Last lines:")
        for line in release.last_lines:
            screen.line(line)


def cells(evidence: Evidence, asked: datetime | None) -> tuple[str, ...]:
    """A phase, when it began, how long it took, and what is to be said of it."""
    began = offset(evidence.began, asked) if evidence.began else ""
    took = "" if evidence.seconds is None else f"{evidence.seconds:.3f}s"
    return (evidence.phase, began, took, *([evidence.note] if evidence.note else []))


def meant(context: typer.Context, app: str | None, version: str | None) -> tuple[Invocation, str, int | None]:
    """The invocation, the app and the release that is named, if any."""
    call = present(context)
    return call, call.app(app), parse_version(version) if version else None


def rollback(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION", help="As v3; the one before the latest where not given.", autocompletion=release_names
        ),
    ] = None,
    app: AppOption = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Go back to an earlier release's build and config, as a new release. As in `rollback v3`."""
    call, name, number = meant(context, app, version)
    if number == 0:
        raise BadArgument(f"there is no release v0: the first is v1, see `deis releases -a {name}`")

    async def question(client: Client) -> int:
        return await client.releases.rollback(name, number)

    label = "Rolling back one release..." if number is None else f"Rolling back to v{number}..."
    with call.screen.progress(label, quiet=json) as ending:
        made = deploy(call, name, question, ending, logs=logs)
        ending.text = f"done, v{made}"
    if json:
        call.screen.json({"version": made})


def cancel(
    context: typer.Context,
    version: UnderWayArgument = None,
    app: AppOption = None,
) -> None:
    """Cancel a deploy that is under way, and go back to the release before it."""
    call, name, number = meant(context, app, version)

    async def question(client: Client) -> Cancellation:
        return await client.releases.cancel(name, number)

    label = "Cancelling the deploy..." if number is None else f"Cancelling v{number}..."
    with call.screen.progress(label) as ending:
        gone = call.ask(question, note=f"The cancelling goes on: watch `deis releases -a {name}`.")
        back = ", nothing runs" if not gone.runs else "" if gone.back_to is None else f", v{gone.back_to} runs"
        ending.text = f"done, v{gone.version} is cancelled{back}"


def watch(
    context: typer.Context,
    version: UnderWayArgument = None,
    app: AppOption = None,
    json: LinesOption = False,
) -> None:
    """Follow a release on its way until it is out. Ends with 1 where it failed, was cancelled or superseded."""
    call, name, number = meant(context, app, version)
    course = Course(call.screen, name, json=json)

    async def question(client: Client) -> Release:
        from libs.client.watching import follow, under_way  # noqa: PLC0415 - brings aiohttp

        which = await under_way(client, name) if number is None else number
        return await follow(client, name, which, told=course.told, dropped=course.dropped)

    course.over(call.ask(question, note=f"The rollout goes on: `deis releases:cancel -a {name}` ends it."))


COMMANDS = {"list": list_, "info": info, "watch": watch, "cancel": cancel, "rollback": rollback}
