"""`deis builds:…`: images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.deploying import deploy
from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption, LogsOption
from libs.client.files import read_text
from libs.client.invocation import Invocation, present
from libs.client.procfile import parse_procfile

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.builds import Build
    from libs.client.api.client import Client


def list_(context: typer.Context, app: AppOption = None, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List an application's builds."""
    call = present(context)
    name, most = call.app(app), call.limit(limit)

    async def question(client: Client) -> Page[Build]:
        return await client.builds.list(name, most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{name} Builds", note=shown(page))
    if call.screen.lively:
        rows = [(build.uuid, build.created, build.image, build.owner) for build in page.results]
        call.screen.rows(("build", "created", "image", "by"), rows)
    else:
        for build in page.results:
            call.screen.line(f"{build.uuid} {build.created}")


def create(  # noqa: PLR0913, PLR0917 - what v1 takes, and more
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="As example/web:v1.")],
    app: AppOption = None,
    procfile: Annotated[
        str | None,
        typer.Option("-p", "--procfile", metavar="TEXT", help='As "web: python serve.py"; else the file Procfile.'),
    ] = None,
    logs: LogsOption = False,
    json: JsonOption = False,
) -> None:
    """Deploy an image: a new release, which is running and routed when this returns. As in `pull example/web:v1`."""
    call = present(context)
    name, commands = call.app(app), commands_of(call, procfile)

    async def question(client: Client) -> Build:
        return await client.builds.create(name, image, commands)

    with call.screen.progress("Creating build...", quiet=json) as ending:
        build = deploy(call, name, question, ending, logs=logs)
    if json:
        call.screen.json(build.as_json())
    if build.left_out:
        counts = ", ".join(f"{type_}={count}" for type_, count in sorted(build.left_out.items()))
        call.screen.warn(
            f"{counts} left out: this build has no such process types (its Procfile, or --procfile, has not)"
        )


def commands_of(call: Invocation, procfile: str | None) -> dict[str, str]:
    """The commands by process type: from the text given, else from the Procfile here, else none."""
    if procfile is not None:
        return parse_procfile(procfile)
    path = call.directory / "Procfile"
    return parse_procfile(read_text(path)) if path.is_file() else {}


COMMANDS = {"list": list_, "create": create}
