"""`deis releases:…`: what was deployed, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption
from libs.client.invocation import GOES_ON, present
from libs.client.pairs import parse_version

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.releases import Evidence, Release


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
    """Version 1's cells, and behind them whether this is the release that runs, or one that failed."""
    state = (release.state,) if release.state in {"current", "failed"} else ()
    return (f"v{release.version}", release.created, release.summary or "", *state)


def info(
    context: typer.Context,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As v3.")],
    app: AppOption = None,
    json: JsonOption = False,
) -> None:
    """Show one release."""
    call = present(context)
    name, number = call.app(app), parse_version(version)

    async def question(client: Client) -> Release:
        return await client.releases.get(name, number)

    release = call.ask(question)
    if json:
        call.screen.json(release.as_json())
        return
    call.screen.heading(f"{name} Release v{release.version}")
    names = ("build", "config", "owner", "created", "summary", "updated", "uuid")
    facts = {field: getattr(release, field) or "" for field in (*names, "state", "reason")}
    optional = {"build", "state", "reason"}
    call.screen.facts({name: value for name, value in facts.items() if value or name not in optional})
    if release.evidence:
        call.screen.line()
        call.screen.subheading("Phases:")
        call.screen.rows(("phase", "seconds", "note"), [cells(phase) for phase in release.evidence])


def cells(evidence: Evidence) -> tuple[str, ...]:
    """A phase, how long it took, and what is to be said of it."""
    seconds = "" if evidence.seconds is None else f"{evidence.seconds:.1f}"
    return (evidence.phase, seconds, *([evidence.note] if evidence.note else []))


def rollback(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="As v3; the one before the latest where not given.")
    ] = None,
    app: AppOption = None,
) -> None:
    """Go back to an earlier release's build and config, as a new release."""
    call = present(context)
    name = call.app(app)
    number = parse_version(version) if version else None

    async def question(client: Client) -> int:
        return await client.releases.rollback(name, number)

    label = "Rolling back one release..." if number is None else f"Rolling back to v{number}..."
    with call.screen.progress(label) as ending:
        ending.text = f"done, v{call.ask(question, note=GOES_ON)}"


COMMANDS = {"list": list_, "info": info, "rollback": rollback}
