"""Options that many commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from libs.client.suggestions import app_names, release_names

AppOption = Annotated[
    str | None,
    typer.Option(
        "-a", "--app", metavar="APP", help="The app; by default this git repository's.", autocompletion=app_names
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("-l", "--limit", metavar="NUMBER", help="How many to list at most (0: the default).")
]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="As v3.", autocompletion=release_names)]
LogsOption = Annotated[
    bool, typer.Option("--logs", help="Print what the new processes write, until the change is out.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
