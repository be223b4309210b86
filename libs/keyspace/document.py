"""The frame of every record: frozen, versioned, and tolerant of fields from a newer release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NewType, Self

from pydantic import BaseModel, ConfigDict, ValidationError

Sealed = NewType("Sealed", str)
"""A text that is sealed with a key of the platform: the type of every field that a rotation has to seal anew."""


class BadRecord(ValueError):
    """A stored value that is no record of its kind; `kind` and `reason` say which and why."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"not a {kind} record: {reason}")
        self.kind = kind
        self.reason = reason


class Part(BaseModel):
    """A piece of a record: frozen, and unknown fields survive a read-modify-write."""

    # pydantic would hold on to 16,384 of the texts that it read last; few of them come again, but the fields' names
    model_config = ConfigDict(frozen=True, extra="allow", cache_strings="keys")

    def changed(self, **fields: Any) -> Self:
        """A validated copy with some fields replaced; the others, unknown ones too, are kept."""
        return self.__class__.model_validate({**dict(self), **fields})


class Document(Part):
    """A record under a key of its own. `record_version` counts incompatible changes of its shape."""

    record_version: int = 1

    def encode(self) -> bytes:
        """The stored form: UTF-8 JSON, with every field: a null of a newer release may mean something."""
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the stored form; raises `BadRecord`."""
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "value"
            raise BadRecord(cls.__name__, f"{where}: {first['msg']}") from error


def now() -> datetime:
    """The wall clock, in UTC: what records carry."""
    return datetime.now(UTC)
