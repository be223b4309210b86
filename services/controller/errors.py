"""What the API refuses, named for the fact, and the table of how v1 said it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import structlog
from aiohttp import web

from libs.keyspace import BadKey
from libs.store import StaleRevision, StoreHeld, StoreUnavailable, TooLarge
from libs.vault import KeyMissing, SealBroken
from libs.web import ErrorTable, as_json, detail
from libs.web.errors import Row

log = structlog.get_logger("api")

RETRY = {"Retry-After": "1"}  # seconds
NOT_FOUND_PAGE = "<h1>Not Found</h1><p>The requested URL was not found on this server.</p>"


class ApiError(Exception):
    """A request that is not fulfilled."""


class BadFields(ApiError):
    """Fields of the body are missing or wrong: messages by field."""

    def __init__(self, **fields: str | Sequence[str]) -> None:
        self.fields = {name: [said] if isinstance(said, str) else list(said) for name, said in fields.items()}
        super().__init__(str(self.fields))


class BadRequest(ApiError):
    """The request makes no sense as a whole."""


class NotAuthenticated(ApiError):
    """No token, or one that is not valid."""

    def __init__(self, message: str = "Authentication credentials were not provided.") -> None:
        super().__init__(message)


class Forbidden(ApiError):
    """A right that the user lacks."""

    def __init__(self, message: str = "You do not have permission to perform this action.") -> None:
        super().__init__(message)


class NotFound(ApiError):
    """There is no such thing, or it is not the user's to see."""

    def __init__(self) -> None:
        super().__init__("Not found")


class UnsupportedMediaType(ApiError):
    """A body of a type that is neither JSON nor a form."""

    def __init__(self, media_type: str) -> None:
        super().__init__(f"Unsupported media type '{media_type}' in request.")


class VersionMismatch(ApiError):
    """A client that asks for another API version."""

    def __init__(self, client: str) -> None:
        super().__init__(f"Client and server versions do not match. Client version: {client} Server version: 1")


class Conflict(ApiError):
    """Somebody else changed the app meanwhile: nothing of this request was kept, and it can be sent again."""

    def __init__(self, app: str) -> None:
        super().__init__(f"Changes of {app} are already in progress.\nNothing was changed by this request; try again.")


class Superseded(ApiError):
    """Another release came before this one was out, and has not its change."""

    def __init__(self, number: int, by: int) -> None:
        self.words = f"v{number} was superseded by v{by}"
        super().__init__(f"{self.words} before it was deployed")


class NotUnderWay(ApiError):
    """What a user wants to cancel is no rollout under way."""


class WasCancelled(ApiError):
    """A user cancelled this change before it was out."""


class RolloutFailed(ApiError):
    """The change was written, but its instances did not come up."""


class RunFailed(ApiError):
    """A one-off run that did not come to its end, or of which nobody knows how it ended."""


class NotReady(ApiError):
    """The controller cannot answer now: try again."""


class StillOwnsApps(ApiError):
    """An account that cannot be cancelled yet."""

    def __init__(self, username: str) -> None:
        super().__init__(f"{username} still has applications assigned. Delete or transfer ownership")


class LastSuperuser(ApiError):
    """A platform with users needs somebody who may look after it."""

    def __init__(self, username: str) -> None:
        super().__init__(
            f"{username} is the last administrator. Make another user one before: deis perms:create <user> --admin"
        )


class Throttled(ApiError):
    """Too many attempts; `seconds` until there may be another."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"Request was throttled. Expected available in {self.seconds} seconds.")


class TooManyFollowers(Throttled):
    """No place is free for one more answer that goes on; nothing was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(5)
        ask = "Nothing was changed; try again soon, or ask without `Accept: application/x-ndjson`."
        self.args = (f"This controller {why} already, which is the most. {ask}",)


class TailsUnavailable(NotReady):
    """No logger can be followed for an app's lines now."""


class LogsBusy(NotReady):
    """The logger looks for as much at once as it does, and says so."""


class LogsUnavailable(ApiError):
    """The logger cannot be asked."""

    def __init__(self, app: str) -> None:
        super().__init__(f"Error accessing logs for {app}")


def _says(status: int, headers: dict[str, str] | None = None) -> Row:
    return lambda error: detail(status, str(error), headers)


def _errs(status: int) -> Row:
    return lambda error: as_json({"error": str(error)}, status=status)


def _bad_fields(error: BadFields) -> web.Response:
    return as_json(error.fields, status=400)


def _bad_key(error: BadKey) -> web.Response:
    del error  # a name that could be no key is the name of nothing
    return detail(404, str(NotFound()))


def _no_method(error: web.HTTPMethodNotAllowed) -> web.Response:
    allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
    return detail(405, f"Method '{error.method}' not allowed.", {"Allow": allowed})


def _away(error: StoreUnavailable) -> web.Response:
    why = "does not answer" if not isinstance(error, StoreHeld) else "is held at the door: it is not the one we knew"
    return detail(503, f"The platform's store {why}; running apps are not touched. Try again soon.", RETRY)


def _sealed(error: SealBroken) -> web.Response:
    log.error("what is encrypted cannot be opened", reason=str(error))
    return detail(500, "The platform cannot open what is encrypted of this; its operator finds the reason in the log.")


def _keyless(error: KeyMissing) -> web.Response:
    log.error("a key of the platform's secrets is not here", reason=str(error))
    return detail(
        503,
        "This controller has not the key of the platform's secrets; running apps are not touched. Its operator finds "
        "what to do in /readyz, or by `deis-daemon vault status`.",
        RETRY,
    )


def error_table() -> ErrorTable:
    """v1's statuses and shapes: `{"<field>": […]}`, `{"detail": …}`, and `{"error": …}` for conflicts."""
    return ErrorTable(
        {
            BadFields: _bad_fields,
            BadRequest: _says(400),
            NotAuthenticated: _says(401, {"WWW-Authenticate": "Token"}),
            Forbidden: _says(403),
            NotFound: _says(404),
            BadKey: _bad_key,
            UnsupportedMediaType: _says(415),
            VersionMismatch: _errs(405),
            Conflict: _errs(409),
            StaleRevision: lambda error: _errs(409)(Conflict(error.key.rpartition("/")[2])),
            Superseded: _says(409),
            NotUnderWay: _says(409),
            WasCancelled: _says(409),
            StillOwnsApps: _says(409),
            LastSuperuser: _says(409),
            RolloutFailed: _says(503),
            RunFailed: _says(503),
            Throttled: lambda error: detail(429, str(error), {"Retry-After": str(error.seconds)}),
            NotReady: _says(503, RETRY),
            StoreUnavailable: _away,
            TooLarge: lambda _: detail(413, "This makes a record that is larger than the platform's store takes."),
            SealBroken: _sealed,
            KeyMissing: _keyless,
            LogsUnavailable: lambda error: web.Response(status=500, text=str(error)),
            web.HTTPNotFound: lambda _: web.Response(status=404, text=NOT_FOUND_PAGE, content_type="text/html"),
            web.HTTPMethodNotAllowed: _no_method,
        }
    )
