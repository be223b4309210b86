"""The one table from failures to answers: a handler raises what went wrong, the table says how it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from libs.web.answers import detail
from libs.web.connection import BodyOverdue

log = structlog.get_logger("web")

Row = Callable[[Any], web.Response]
"""Takes the failure (of the row's kind) and makes its answer."""

KEPT_HEADERS = ("Allow", "Location", "Retry-After")


def _http(error: web.HTTPException) -> web.Response:
    """An aiohttp failure (no such route, method, …) as JSON, with the headers that carry meaning."""
    headers = {name: error.headers[name] for name in KEPT_HEADERS if name in error.headers}
    return detail(error.status, error.reason, headers)


def _too_large(error: web.HTTPRequestEntityTooLarge) -> web.Response:
    """413; the connection ends, since the rest of the body is still on its way."""
    response = detail(error.status, "The request's body is larger than this server takes.")
    response.force_close()
    return response


def _overdue(error: BodyOverdue) -> web.Response:
    """408; the connection ends, since nobody knows what of the body is still to come."""
    response = detail(408, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    response.force_close()
    return response


def _unreadable(error: web.RequestPayloadError) -> web.Response:
    """400 for a body that is not framed or encoded as its headers say; the connection ends."""
    del error  # it repeats what came
    response = detail(400, "The request's body cannot be read: it is not encoded as its headers say.")
    response.force_close()
    return response


class ErrorTable:
    """Failures by type: the most specific type that has a row answers, one without a row is a bare 500."""

    def __init__(self, rows: Mapping[type[Exception], Row] | None = None) -> None:
        self._rows: dict[type, Row] = {
            web.HTTPException: _http,
            web.HTTPRequestEntityTooLarge: _too_large,
            web.RequestPayloadError: _unreadable,
            BodyOverdue: _overdue,
        }
        self._rows.update(rows or {})

    def answer(self, error: Exception) -> web.Response | None:
        """The answer to a failure, None when no row knows it."""
        for kind in type(error).__mro__:
            if row := self._rows.get(kind):
                return row(error)
        return None


ERRORS: web.AppKey[ErrorTable] = web.AppKey("errors", ErrorTable)
"""The table of an application in the frame."""


def failure(request: web.Request, error: Exception) -> web.Response:
    """The answer to what went wrong; an unexpected failure is logged whole and told as a bare 500."""
    response = request.app[ERRORS].answer(error)
    if response is None:
        log.error("request failed", method=request.method, path=request.path, exc_info=error)
        response = detail(500, "The server met an unexpected error; it is in its log under this request's id.")
    return response
