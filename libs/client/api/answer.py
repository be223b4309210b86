"""What the controller answers with: records that keep the fields they do not know."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """One object of the API. A newer controller may send more fields: they are kept, and `--json` shows them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def as_json(self) -> dict[str, Any]:
        """The object as the controller sent it."""
        return self.model_dump(mode="json", exclude_unset=True)


A = TypeVar("A", bound=Answer)


class Page(BaseModel, Generic[A]):
    """The first `results` of `count` objects."""

    model_config = ConfigDict(frozen=True)

    count: int
    results: tuple[A, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """The objects as the controller sent them."""
        return [result.as_json() for result in self.results]
