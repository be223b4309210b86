"""What a one-off run is made of: a new instance of a release, with a command of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from libs.engine import Identity, Instance, InstanceSpec
from libs.keyspace.records import App, Release
from services.controller.deployer.recipe import limits_of

TYPE = "run"  # its process type, as in v1
LONGEST_COMMAND = 30_000  # characters: of up to four bytes each they are one argument of at most 128 KiB (execve(2))

# The command is an argument, never a part of the script. The image's bash, as in v1, else its sh; both streams are one,
# so that they stay in the order in which they were written.
SHELL = "/bin/sh"
WRAPPER = 'set -- "$(command -v bash || command -v /bin/bash || echo /bin/sh)" "$1"; exec "$1" -c -- "$2" 2>&1'

_NO_SHELL = re.compile(r"/bin/sh\b.*(no such file|not found)", re.IGNORECASE | re.DOTALL)


def spec_of(  # noqa: PLR0913 - the parts that it is made of
    app: App,
    release: Release,
    *,
    id_: str,
    number: int,
    image: str,
    command: str,
    values: Mapping[str, str],
    until: datetime,
) -> InstanceSpec:
    """The run of this command. `values` is the release's config, unsealed. Raises `BadRecipe` for a limit of `run`."""
    return InstanceSpec(
        identity=Identity(id_, app.id, app.uuid, TYPE, number, release.number),
        image=image,
        entrypoint=(),
        command=(SHELL, "-c", WRAPPER, "deis", command),
        environment=values,
        limits=limits_of(release, TYPE),
        once=True,
        until=until,
    )


def next_number(instances: Iterable[Instance], app_uuid: str, promised: Collection[int]) -> int:
    """The number after the highest of the app's runs that are there or promised."""
    there = (i.identity.number for i in instances if i.identity.app_uuid == app_uuid and i.identity.type == TYPE)
    return max((*there, *promised), default=0) + 1


def has_no_shell(reason: str) -> bool:
    """Whether the engine refused a run, in these words, because its image has no shell."""
    return _NO_SHELL.search(reason) is not None


def in_brief(command: str, longest: int = 300) -> str:
    """A command as events tell of it."""
    return command if len(command) <= longest else f"{command[:longest]}…"
