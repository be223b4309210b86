"""The fields of a request's body, with the messages that v1 gave for bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pydantic import JsonValue

from services.controller.errors import BadFields
from services.controller.jsontext import read_json

Body: TypeAlias = Mapping[str, JsonValue]

REQUIRED = "This field is required."
BLANK = "This field may not be blank."
NULL = "This field may not be null."
UNIQUE = "This field must be unique."


class Fields:
    """Reads fields one by one and gathers what is wrong with them; `check` then raises it all at once."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.wrong: dict[str, list[str]] = {}

    def text(self, name: str, *, required: bool = True, blank: bool = False, longest: int | None = None) -> str:
        """A text; an optional one that is absent is empty. Numbers are taken as their digits."""
        value = self._body.get(name)
        if value is None:
            return self._fail(name, NULL if name in self._body else REQUIRED) if required else ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self._fail(name, "Not a valid string.")
        text = str(value)
        if "\0" in text:
            self._fail(name, "Null characters are not allowed.")
        elif not text.strip() and not blank:
            self._fail(name, BLANK)
        elif longest is not None and len(text) > longest:
            self._fail(name, f"Ensure this field has no more than {longest} characters.")
        return text

    def mapping(self, name: str) -> dict[str, JsonValue]:
        """An object, or JSON text of one (forms carry it so); absent is empty."""
        value = self._body.get(name)
        if isinstance(value, str) and value.strip():
            try:
                value = read_json(value)
            except ValueError:
                self._fail(name, "Value must be valid JSON.")
                return {}
        if value is None or value == "":
            return {}
        if not isinstance(value, dict):
            kind = type(value).__name__
            self._fail(name, f'Expected a dictionary of items but got type "{kind}".')
            return {}
        return value

    def wrongly(self, name: str, message: str) -> None:
        """Note what is wrong with a field."""
        self._fail(name, message)

    def check(self) -> None:
        """Raise `BadFields` if anything was wrong."""
        if self.wrong:
            raise BadFields(**self.wrong)

    def _fail(self, name: str, message: str) -> str:
        self.wrong.setdefault(name, []).append(message)
        return ""
