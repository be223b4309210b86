"""A Procfile: one process type and its command a line."""

from __future__ import annotations

import json
import re

from libs.client.errors import BadArgument

LINE = re.compile(r"(?P<type>[A-Za-z0-9_-]+)\s*:\s+(?P<command>\S.*)")


def parse_procfile(text: str) -> dict[str, str]:
    """Commands by process type, from lines of `web: command` or a JSON object.

    Quotes round a whole command are taken off, as YAML does. `BadArgument` names the line that is none.
    """
    if text.lstrip().startswith("{"):
        return _from_json(text)
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or stripped == "---":
            continue
        entry = LINE.fullmatch(stripped)
        if not entry or entry["command"] in {"|", ">", "|-", ">-"}:
            raise BadArgument(
                f'line {number} of the Procfile is no "type: command" line: {stripped[:60]}\n'
                "Write one line for each process type, as in `web: python serve.py`"
            )
        commands[entry["type"]] = _unquoted(entry["command"])
    return commands


def _unquoted(command: str) -> str:
    quote, inner = command[0], command[1:-1]
    if len(command) >= 2 and quote in "\"'" and command[-1] == quote and quote not in inner:
        return inner
    return command


def _from_json(text: str) -> dict[str, str]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BadArgument(f"the Procfile begins with {{ but is no JSON object: {error}") from error
    if not all(isinstance(command, str) for command in content.values()):
        raise BadArgument("the Procfile's commands must be texts")
    return dict(content)
