"""A directory: who else knows people and their passwords, asked before local passwords are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Person:
    """Who the directory says somebody is. `username` is in lower case, as directories see no difference."""

    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


class DirectoryUnavailable(Exception):
    """The directory cannot be asked, or does not answer as one that is set up rightly; says why."""


class Directory(Protocol):
    """Checks passwords."""

    async def check(self, username: str, password: str) -> Person | None:
        """Whose name and password these are; None where they are nobody's. Raises `DirectoryUnavailable`."""
        ...


@dataclass(frozen=True)
class DirectorySettings:
    """How a directory is asked. `start_tls` is for `ldap://` alone; `ca`: PEM, empty for the system's authorities."""

    endpoint: str
    bind_dn: str
    bind_password: str = field(repr=False)
    user_basedn: str
    user_filter: str
    start_tls: bool
    ca: str
