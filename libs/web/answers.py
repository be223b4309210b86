"""JSON answers: compact, in UTF-8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic_core import to_json


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body (RFC 8259: UTF-8 needs no charset parameter)."""
    return of_json(encoded(value), status, headers)


def encoded(value: Any) -> bytes:
    """The JSON text of a value."""
    return to_json(value)  # a third of the time that `json` takes


def of_json(text: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer whose body is this JSON text."""
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")


def detail(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The plain error: `{"detail": message}`."""
    return as_json({"detail": message}, status, headers)
