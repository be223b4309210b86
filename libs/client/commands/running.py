"""`deis run`: a command in a new container of an application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.options import AppOption, JsonOption
from libs.client.invocation import present

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.runs import Ran

LAST_EXIT_STATUS = 255  # of a process; a higher number would come out as another


def run(
    context: typer.Context,
    command: Annotated[
        list[str], typer.Argument(metavar="[--] COMMAND...", help="A line for the shell; joined by spaces.")
    ],
    app: AppOption = None,
    json: JsonOption = False,
) -> int:
    """Run a command in a new container with the application's image and config, and exit as it does.

    All behind the first word that is no option belongs to the command, but for `-a APP`; behind `--` that does, too.
    Quote what the shell there is to read, as in `deis run 'ls $HOME | wc -l'`.

    What the command wrote is printed when it has ended. Of more than 4 MiB the end alone is, and standard error says
    how much is missing: what must be whole, let the command send elsewhere.
    """
    call = present(context)
    name, line = call.app(app), " ".join(command)
    if not json:
        call.screen.line(f"Running '{call.screen.visible(line)}'...")
        call.screen.flush()

    async def question(client: Client) -> Ran:
        return await client.runs.run(name, line)

    goes_on = (
        f"The command goes on to its end in its container, or to the controller's time limit for it:"
        f" `deis logs -a {name}` has its output, `deis events -a {name}` tells its exit code."
    )
    ran = call.ask(question, note=goes_on)
    if json:
        left_out = {"left_out": ran.left_out} if ran.left_out else {}
        call.screen.json({"exit_code": ran.exit_code, "output": ran.output, **left_out})
    else:
        call.screen.output(ran.output)
    if ran.left_out:
        call.screen.warn(
            f"The output is not whole: at least its first {ran.left_out} bytes are missing, as its last 4 MiB alone are"
            f" told.\n`deis logs -a {name}` may have more; what must be whole, let the command send elsewhere."
        )
    return ran.exit_code if 0 <= ran.exit_code <= LAST_EXIT_STATUS else LAST_EXIT_STATUS


def app_first(words: Sequence[str]) -> list[str]:
    """The words with `-a APP` in front, wherever before a `--` it stood: version 1 took it behind the command, too."""
    end = words.index("--") if "--" in words else len(words)
    ours: list[str] = []
    theirs: list[str] = []
    before = iter(words[:end])
    for word in before:
        if word in {"-a", "--app"} and (value := next(before, None)) is not None:
            ours += [word, value]
        else:
            (ours if word.startswith("--app=") else theirs).append(word)
    return [*ours, *theirs, *words[end:]]


# What else looks like an option behind the command's first word is the command's.
vars(run).update(context_settings={"allow_interspersed_args": False}, arranged=app_first)
