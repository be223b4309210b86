"""The `deis` command: finds what is meant, runs it, and tells what went wrong."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NoReturn

import typer

from libs.client import completion, guide, plugins
from libs.client.api.errors import ClientError
from libs.client.catalogue import GROUPS, Group, all_names, commands_in, group_of
from libs.client.errors import Interrupted
from libs.client.invocation import Invocation, invocation, version
from libs.client.outlet import UNWRITABLE, give_up
from libs.client.screen import Screen

HELP = ("--help", "-h")
VERSION = ("--version", "-v", "version")
COMPLETION = ("--install-completion", "--show-completion")
NAME = "deis"


def main() -> NoReturn:
    """Run the command line and end the process: 0, or 1 after an error."""
    call = invocation(os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):  # what an app has written ends no command, whatever the locale
        sys.stdout.reconfigure(errors="replace")
    try:
        status = complete() if completion.is_asked(os.environ) else run(sys.argv[1:], call)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as in `deis logs | head`
        give_up(sys.stdout)
        status = 1
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        give_up(sys.stdout)
        call.screen.error(f"cannot write to standard output: {error.strerror}")
        status = 1
    except KeyboardInterrupt:
        call.screen.error("interrupted.")
        status = Interrupted.exit_status
    sys.exit(status)


def run(arguments: Sequence[str], call: Invocation) -> int:
    """Run one command line; its exit status. Errors are told on the screen."""
    words, screen = list(arguments), call.screen
    if words[:1] == ["help"] and words[1:]:
        words = [words[1], "--help", *words[2:]]
    first = words[0] if words else "help"
    if first.partition("=")[0] in COMPLETION:
        option, _, shell = first.partition("=")
        if shell := shell or next(iter(words[1:]), ""):
            return complete_in(option, shell, screen)
        return perform(application(GROUPS.values(), pretty=False, completing=True), words, call)
    if first == "help" or first in HELP:
        guide.show_guide(screen)
    elif first in VERSION:
        screen.line(version())
    elif first == "shortcuts":
        guide.show_shortcuts(screen)
    elif group := group_of(first):
        return command(group, words, call)
    else:
        return other(words, call)
    return 0


def command(group: Group, words: list[str], call: Invocation) -> int:
    """Run a command of a group, or show what the group has."""
    name, *rest = words
    if name == group.name and (group.bare is None or any(word in HELP for word in rest)):
        guide.show_group(call.screen, group)
        return 0
    function = commands_in(group).get(name)
    if function is None:
        return other(words, call)
    words = [name, *getattr(function, "arranged", list)(rest)]
    pretty = call.screen.lively and not call.environment.get("NO_COLOR")
    return perform(application([group], pretty=pretty, completing=False), words, call)


def other(words: list[str], call: Invocation) -> int:
    """Run a plugin; without one say what might have been meant."""
    name, *rest = words
    found = None if name.partition(":")[0] in GROUPS else plugins.plugin_for(name, call.environment)
    if found:
        path, first = found
        sys.stdout.flush()
        plugins.run_plugin(path, [*first, *rest])
    call.screen.error(unknown(name))
    return 1


def unknown(name: str) -> str:
    """What to tell about a command that there is not."""
    close = get_close_matches(name, all_names(), n=3, cutoff=0.75)
    hint = f" Did you mean {' or '.join(f'`deis {one}`' for one in close)}?" if close else ""
    return f"`{name}` is no deis command.{hint} See `deis help`."


def application(groups: Iterable[Group], *, pretty: bool, completing: bool) -> typer.Typer:
    """A Typer application of these groups' commands, under all their names."""
    app = typer.Typer(
        name=NAME,
        add_completion=completing,
        rich_markup_mode="rich" if pretty else None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for group in groups:
        for name, function in commands_in(group).items():
            app.command(name, context_settings=getattr(function, "context_settings", None))(function)
    return app


def root() -> None:
    """Ask a Deis controller to run your applications."""


def perform(app: typer.Typer, words: list[str], call: Invocation) -> int:
    """Let Typer read the words and call the function; tell errors in one shape: `Error: …`, exit status 1."""
    try:
        status = app(words, prog_name=NAME, standalone_mode=False, obj=call)
    except typer.TyperException as error:  # what was typed does not fit the command
        call.screen.error(f"{error.format_message().rstrip('.')}.\nSee `deis help {words[0]}`.")
        return 1
    except ClientError as error:
        call.screen.error("\n".join([error.prefix + str(error), *getattr(error, "__notes__", [])]))
        return error.exit_status
    except typer.Abort:
        call.screen.error("interrupted.")
        return Interrupted.exit_status
    return status if isinstance(status, int) else 0


def complete_in(option: str, shell: str, screen: Screen) -> int:
    """Show or install the script for a shell that is named; without a name it is the one that called the command."""
    if shell not in completion.SHELLS:
        screen.error(f'"{shell}" is no shell that can be completed in: {", ".join(completion.SHELLS)} are.')
        return 1
    if option == "--show-completion":
        screen.line(completion.script(NAME, shell))
    else:
        screen.line(f"{shell} completion installed in {completion.install(NAME, shell)}")
        screen.line("Completion will take effect once you restart the terminal")
    return 0


def complete() -> int:
    """Answer a shell that completes a command line."""
    app = application(GROUPS.values(), pretty=False, completing=True)
    if os.environ.get(completion.VARIABLE) == completion.BASH:
        sys.stdout.write(completion.complete_bash(os.environ, lambda: app(prog_name=NAME)))
    else:
        completion.complete_option(os.environ, lambda: app(prog_name=NAME))
    return 0
