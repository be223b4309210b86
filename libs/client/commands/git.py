"""`deis git:…`: the git repository here."""

from __future__ import annotations

from typing import Annotated

import typer

from libs.client.commands.apps import add_remote
from libs.client.commands.options import AppOption
from libs.client.errors import BadArgument
from libs.client.invocation import present


def remote(
    context: typer.Context,
    app: AppOption = None,
    name: Annotated[str, typer.Option("-r", "--remote", help="The name of the git remote.")] = "deis",
) -> None:
    """Add a git remote for an application. As in `git:remote -a fancy-paper`."""
    call = present(context)
    wanted = call.app(app)
    if not call.repository.exists():
        raise BadArgument(f"{call.directory} is in no git repository; `git init` makes one")
    add_remote(call, wanted, name)


COMMANDS = {"remote": remote}
