"""Version 1's command line: each command, each option in each of its forms, each argument."""

from __future__ import annotations

import inspect

import pytest
import typer

from libs.client.catalogue import GROUPS, SHORTCUTS
from libs.client.command import application

APP, LIMIT = "-a --app", "-l --limit"
LOGIN = "--username --password --ssl-verify"

# By command: its options, and how many arguments it needs and takes at most (None: as many as there are).
V1: dict[str, tuple[str, int, int | None]] = {
    "auth:register": (f"{LOGIN} --email", 1, 1),
    "auth:login": (LOGIN, 1, 1),
    "auth:logout": ("", 0, 0),
    "auth:passwd": ("--password --new-password --username", 0, 0),
    "auth:whoami": ("", 0, 0),
    "auth:cancel": ("--username --password --yes", 0, 0),
    "auth:regenerate": ("-u --username --all", 0, 0),
    "apps:create": ("--no-remote -b --buildpack -r --remote", 0, 1),
    "apps:list": (LIMIT, 0, 0),
    "apps:info": (APP, 0, 0),
    "apps:open": (APP, 0, 0),
    "apps:logs": (f"{APP} -n --lines", 0, 0),
    "apps:run": (APP, 1, None),
    "apps:destroy": (f"{APP} --confirm", 0, 0),
    "apps:transfer": (APP, 1, 1),
    "ps:list": (f"{APP} {LIMIT}", 0, 0),
    "ps:scale": (APP, 1, None),
    "ps:restart": (APP, 0, 1),
    "config:list": (f"{APP} --oneline", 0, 0),
    "config:set": (APP, 1, None),
    "config:unset": (APP, 1, None),
    "config:pull": (f"{APP} -i --interactive -o --overwrite", 0, 0),
    "config:push": (f"{APP} -p --path", 0, 0),
    "domains:list": (f"{APP} {LIMIT}", 0, 0),
    "domains:add": (APP, 1, 1),
    "domains:remove": (APP, 1, 1),
    "builds:list": (f"{APP} {LIMIT}", 0, 0),
    "builds:create": (f"{APP} -p --procfile", 1, 1),
    "releases:list": (f"{APP} {LIMIT}", 0, 0),
    "releases:info": (APP, 1, 1),
    "releases:rollback": (APP, 0, 1),
    "limits:list": (APP, 0, 0),
    "limits:set": (f"{APP} -m --memory -c --cpu", 1, None),
    "limits:unset": (f"{APP} -m --memory -c --cpu", 1, None),
    "tags:list": (APP, 0, 0),
    "tags:set": (APP, 1, None),
    "tags:unset": (APP, 1, None),
    "certs:list": (LIMIT, 0, 0),
    "certs:add": ("--common-name --subject-alt-names", 2, 2),
    "certs:remove": ("", 1, 1),
    "keys:list": (LIMIT, 0, 0),
    "keys:add": ("", 0, 1),
    "keys:remove": ("", 1, 1),
    "perms:list": (f"{APP} {LIMIT} --admin", 0, 0),
    "perms:create": (f"{APP} --admin", 1, 1),
    "perms:delete": (f"{APP} --admin", 1, 1),
    "users:list": (LIMIT, 0, 0),
    "git:remote": (f"{APP} -r --remote", 0, 0),
}

V1_SHORTCUTS = {
    "create": "apps:create",
    "destroy": "apps:destroy",
    "info": "apps:info",
    "login": "auth:login",
    "logout": "auth:logout",
    "logs": "apps:logs",
    "open": "apps:open",
    "passwd": "auth:passwd",
    "pull": "builds:create",
    "register": "auth:register",
    "rollback": "releases:rollback",
    "run": "apps:run",
    "scale": "ps:scale",
    "sharing": "perms:list",
    "sharing:list": "perms:list",
    "sharing:add": "perms:create",
    "sharing:remove": "perms:delete",
    "whoami": "auth:whoami",
}

MAKERS = (
    *("apps:create", "builds:create", "certs:add", "config:set", "config:unset", "config:push", "domains:add"),
    *("healthchecks:set", "keys:add", "limits:set", "platform:set", "ps:restart", "ps:scale", "releases:rollback"),
    *("settings:set", "tags:set", "tokens:create"),
)


@pytest.fixture(scope="module")
def commands() -> dict[str, object]:
    root = typer.main.get_command(application(GROUPS.values(), pretty=False, completing=False))
    found: dict[str, object] = vars(root)["commands"]
    return found


@pytest.mark.parametrize("name", V1)
def test_it_takes_what_version_1_took(commands: dict[str, object], name: str) -> None:
    options, least, most = V1[name]
    parameters = vars(commands[name])["params"]
    taken = {form for one in parameters if one.param_type_name == "option" for form in one.opts}
    assert set(options.split()) <= taken
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    assert sum(one.required for one in arguments) == least
    assert (None if any(one.nargs == -1 for one in arguments) else len(arguments)) == most


def test_every_shortcut_of_version_1_stands_for_what_it_stood_for() -> None:
    assert V1_SHORTCUTS.items() <= SHORTCUTS.items()


@pytest.mark.parametrize("name", MAKERS)
def test_what_makes_something_tells_it_in_json(name: str) -> None:
    assert "json" in inspect.signature(GROUPS[name.partition(":")[0]].commands()[name]).parameters
