"""What a user types as `KEY=VALUE`."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from pathlib import Path

from libs.client.errors import BadArgument

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PROCESS_TYPE = re.compile(r"[A-Za-z0-9_-]+")
TAG = re.compile(r"[A-Za-z0-9_.-]+")
COUNT = re.compile(r"[0-9]{1,9}")
BUILDPACK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+|[^\s@:/]+@[^\s@:/]+:\S+")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")


def parse_pairs(texts: Iterable[str], key: re.Pattern[str], *, example: str) -> dict[str, str]:
    """Each text split at its first `=`; the value may be empty, hold more `=` and several lines.

    `BadArgument` names the text that is no pair, or the name that has two values; nothing is taken then, not even the
    others.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadArgument(f'"{text}" is no NAME=VALUE pair; write {example}')
        if not key.fullmatch(name):
            raise BadArgument(f'"{name}" cannot be a name here; write {example}')
        if pairs.setdefault(name, value) != value:
            raise BadArgument(f'"{name}" is given two values; name it once')
    return pairs


def parse_config(texts: Iterable[str], directory: Path) -> dict[str, str]:
    """Config values. SSH_KEY is sent in base64, from the file (seen from `directory`) or the key that it is."""
    pairs = parse_pairs(texts, KEY, example="PASSWORD=secret: letters, digits and _ before the =")
    if "SSH_KEY" in pairs:
        pairs["SSH_KEY"] = encode_ssh_key(pairs["SSH_KEY"], directory)
    return pairs


def encode_ssh_key(value: str, directory: Path) -> str:
    """A private key as config carries it; a value that is neither key nor file of one is taken as it is."""
    text = value
    if "\n" not in value and len(value) < 4096 and (path := directory / value).is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        if not PRIVATE_KEY.search(text):
            raise BadArgument(f'the file "{value}" given as SSH_KEY holds no private key')
    if PRIVATE_KEY.search(text):
        return base64.b64encode(text.encode()).decode()
    return value


def parse_formation(texts: Iterable[str]) -> dict[str, int]:
    """Counts by process type; `BadArgument` for anything but whole numbers from 0 on."""
    example = "web=2"
    pairs = parse_pairs(texts, PROCESS_TYPE, example=example)
    for type_, count in pairs.items():
        if not COUNT.fullmatch(count):
            raise BadArgument(f'"{type_}={count}" is no scale: a whole number from 0 on is, as in {example}')
    return {type_: int(count) for type_, count in pairs.items()}


def parse_names(texts: Iterable[str], key: re.Pattern[str], *, example: str) -> list[str]:
    """Names alone, as for removing; `BadArgument` names the one that cannot be a name."""
    names = list(texts)
    for name in names:
        if not key.fullmatch(name):
            raise BadArgument(f'"{name}" cannot be a name here; write {example}')
    return names


def parse_process(text: str) -> tuple[str, int | None]:
    """`web` or `web.1`; `BadArgument` otherwise."""
    type_, dot, number = text.rpartition(".")
    if not dot:
        type_, number = text, ""
    if not PROCESS_TYPE.fullmatch(type_) or (dot and not COUNT.fullmatch(number)):
        raise BadArgument(f'"{text}" is no process; write web or web.1')
    return type_, int(number) if dot else None


def parse_buildpack(text: str) -> str:
    """A buildpack's URL, of any scheme or as git's `user@host:path`; `BadArgument` otherwise."""
    if not BUILDPACK.fullmatch(text):
        raise BadArgument(
            f'"-b {text}": "{text}" is no URL of a buildpack, as https://example.com/buildpack.git is.'
            " (The name of an app cannot begin with a hyphen.)"
        )
    return text


def parse_version(text: str) -> int:
    """A release's number from `v3` or `3`; `BadArgument` otherwise."""
    number = text.removeprefix("v")
    if not COUNT.fullmatch(number):
        raise BadArgument(f'"{text}" is no release; write v3')
    return int(number)
