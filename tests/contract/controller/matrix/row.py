"""A row of the matrix of denials: one request, and what each person gets for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.cast import Cast

PERSONS = ("anonymous", "stranger", "collaborator", "owner", "admin")


@dataclass(frozen=True)
class Row:
    """`statuses` are in the order of `PERSONS`; `where` overrides what stands in the path's braces."""

    method: str
    path: str  # as the contract writes it
    statuses: tuple[int, int, int, int, int]
    body: Any = None
    where: Mapping[str, str] = field(default_factory=dict)

    def status(self, person: str) -> int:
        """What this person gets."""
        return self.statuses[PERSONS.index(person)]

    @property
    def wants_a_token(self) -> bool:
        """Whether the path is closed to who is not known; a hook itself asks for the builder's key."""
        return self.status("anonymous") == 401 and not self.path.startswith("/v1/hooks/")

    def at(self, cast: Cast) -> str:
        """The path on this stage."""
        return self.path.format(**{**cast.names(self.path), **self.where})

    def __str__(self) -> str:
        """Its request in short: the same at each run, whatever key a body brings."""
        return f"{self.method} {self.path} {self.body or ''}".partition("-----BEGIN")[0].strip()


ALL = (200, 200, 200, 200, 200)  # whoever asks
KNOWN = (401, 200, 200, 200, 200)  # whoever has a token
SHARED = (401, 403, 200, 200, 200)  # who may use the app
ADMIN = (401, 403, 403, 403, 200)  # superusers
NOBODY = (401, 401, 401, 401, 401)


def answered(statuses: tuple[int, int, int, int, int], good: int) -> tuple[int, int, int, int, int]:
    """The same with another status of success."""
    first, second, third, fourth, fifth = (good if status == 200 else status for status in statuses)
    return (first, second, third, fourth, fifth)
