"""`deis git:…`: the git repository here."""

from __future__ import annotations

from typing import Annotated

import typer

from libs.client.commands.apps import add_remote
from libs.client.commands.options import AppOption
from libs.client.invocation import present


def remote(
    context: typer.Context,
    app: AppOption = None,
    name: Annotated[str, typer.Option("-r", "--remote", help="The name of the git remote.")] = "deis",
) -> None:
    """Add a git remote for an application."""
    call = present(context)
    add_remote(call, call.app(app), name)


COMMANDS = {"remote": remote}
