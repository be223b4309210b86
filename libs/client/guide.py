"""`deis help`: what there is, grouped as users know it from `deis` 1.x."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from libs.client.catalogue import FIRST, GROUPS, SHORTCUTS, Function, Group
from libs.client.screen import BOLD, CYAN, Screen

COLUMN = 22


def summary(function: Function) -> str:
    """The first sentence of a command's help."""
    first = (inspect.getdoc(function) or "").partition("\n")[0]
    return first.partition(". ")[0].rstrip(".")


def show_guide(screen: Screen) -> None:
    """Everything, briefly."""
    screen.line("The Deis command-line client asks a Deis controller to run your applications.")
    screen.line()
    screen.line("Usage: deis <command> [<args>...]")
    shortcuts = {name: summary(_function(full)) for name, full in SHORTCUTS.items()}
    _section(screen, "Auth commands", {name: shortcuts[name] for name in FIRST})
    groups = {group.name: group.summary for group in GROUPS.values()}
    _section(
        screen, "Subcommands, use `deis help <subcommand>` to learn more", {**groups, "version": "show the version"}
    )
    rest = {name: text for name, text in shortcuts.items() if name not in FIRST}
    _section(screen, "Shortcut commands, use `deis help <shortcut>` to learn more", rest)
    screen.line()
    screen.line("A command that is none of these is looked for on the PATH, as deis-<command>.")
    screen.line("Use `deis --install-completion` to let your shell complete commands and app names.")
    screen.line("Use `deis login <controller>` to begin, and `deis pull <image>` to deploy to an application.")


def show_group(screen: Screen, group: Group) -> None:
    """One group's commands."""
    screen.line(f"Valid commands for {group.name}:")
    _rows(screen, {name: summary(function) for name, function in group.commands().items()})
    screen.line()
    if group.bare:
        screen.line(f"`deis {group.name}` alone is `deis {group.name}:{group.bare}`.")
    screen.line("Use `deis help <command>` to learn more.")


def show_shortcuts(screen: Screen) -> None:
    """What each short name stands for."""
    screen.line("Valid shortcuts are:")
    _rows(screen, SHORTCUTS)


def _function(full: str) -> Function:
    return GROUPS[full.partition(":")[0]].commands()[full]


def _section(screen: Screen, title: str, rows: Mapping[str, str]) -> None:
    screen.line()
    screen.line(f"{title}:", style=BOLD)
    _rows(screen, rows)


def _rows(screen: Screen, rows: Mapping[str, str]) -> None:
    screen.line()
    for name, text in rows.items():
        screen.line(f"  {screen.styled(name, CYAN)}{' ' * (COLUMN - len(name))}{text[:1].lower()}{text[1:]}")
