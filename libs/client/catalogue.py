"""All commands by name: groups, their commands, and the short names of those used most."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

Function = Callable[..., None]


@dataclass(frozen=True)
class Group:
    """Commands about one noun. `bare` is the command that the group's name alone stands for."""

    name: str
    summary: str
    bare: str | None = "list"

    def commands(self) -> Mapping[str, Function]:
        """The group's functions by full name (`apps:create`); its module is imported only now."""
        module: Any = importlib.import_module(f"libs.client.commands.{self.name}")
        commands = cast("Mapping[str, Function]", module.COMMANDS)
        return {f"{self.name}:{name}": function for name, function in commands.items()}


GROUPS: Mapping[str, Group] = {
    group.name: group
    for group in (
        Group("apps", "manage applications and see their logs and events"),
        Group("ps", "manage processes inside an application"),
        Group("config", "manage environment variables that define an application's config"),
        Group("healthchecks", "manage the probes of an application's processes"),
        Group("settings", "manage how an application's processes are replaced and drained"),
        Group("domains", "manage the domain names that an application answers to"),
        Group("drains", "manage where an application's log lines are sent"),
        Group("builds", "deploy images"),
        Group("releases", "manage releases of an application: watch, cancel, go back to one"),
        Group("certs", "manage certificates, for TLS"),
        Group("limits", "manage memory and CPU limits of an application's processes"),
        Group("tags", "manage what nodes an application's processes run on"),
        Group("perms", "manage who may use an application, and who administers the platform"),
        Group("auth", "manage accounts, logins and passwords", bare=None),
        Group("keys", "manage the SSH keys that you push with"),
        Group("tokens", "manage what your logins and programs show for themselves"),
        Group("users", "see all users"),
        Group("platform", "manage the platform's own settings"),
        Group("git", "manage the git remote of an application", bare=None),
    )
}

SHORTCUTS: Mapping[str, str] = {
    "register": "auth:register",
    "login": "auth:login",
    "logout": "auth:logout",
    "passwd": "auth:passwd",
    "whoami": "auth:whoami",
    "create": "apps:create",
    "destroy": "apps:destroy",
    "events": "apps:events",
    "info": "apps:info",
    "logs": "apps:logs",
    "open": "apps:open",
    "pull": "builds:create",
    "restart": "ps:restart",
    "rollback": "releases:rollback",
    "run": "apps:run",
    "scale": "ps:scale",
    "sharing": "perms:list",
    "sharing:list": "perms:list",
    "sharing:add": "perms:create",
    "sharing:remove": "perms:delete",
}

FIRST = ("register", "login", "logout")
"""The shortcuts that a newcomer needs before anything else."""


def group_of(name: str) -> Group | None:
    """The group in which a command, a shortcut or a bare group's name belongs; it may still not be a command."""
    return GROUPS.get(SHORTCUTS.get(name, name).partition(":")[0])


def commands_in(group: Group) -> dict[str, Function]:
    """Every name that a group answers to: its commands, its bare name and its shortcuts."""
    commands = dict(group.commands())
    names = dict(commands)
    if group.bare:
        names[group.name] = commands[f"{group.name}:{group.bare}"]
    names.update({short: commands[full] for short, full in SHORTCUTS.items() if full in commands})
    return names


def all_names() -> list[str]:
    """Every name that can be typed."""
    return sorted({*SHORTCUTS, *GROUPS, *(name for group in GROUPS.values() for name in group.commands())})
