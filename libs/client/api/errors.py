"""Why a call to the controller came to nothing. Each one's text is what a user should read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.client.api.subjects import app_of, listing_of, subject_of

HINTS = (  # what to do, by a part of the detail of a 400
    ("No build associated with", "Deploy an image first, as with `deis pull example/web:v1 -a {app}`."),
    ("does not exist in application", "Its types are those of its build's Procfile, and cmd: see `deis ps -a {app}`."),
)
NOT_PERMITTED = "You do not have permission to perform this action."


class ClientError(Exception):
    """Something that the user must know or mend; its text names the thing, the value and the remedy."""

    exit_status = 1
    prefix = ""  # version 1's words before the reason, as `Registration failed: `


class InvalidController(ClientError):
    """The controller's URL cannot be used as one."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(f'"{url}" is no controller URL: {why}. It looks like http://deis.example.com')


class ControllerUnreachable(ClientError):
    """No connection came about, so nothing was asked."""

    def __init__(self, url: str, why: str, remedy: str) -> None:
        self.url, self.why, self.remedy = url, why, remedy
        super().__init__(f"cannot reach the controller at {url}: {why}.\n{remedy}")


class NotAController(ClientError):
    """Something answers at the URL, but not as a Deis controller does."""

    def __init__(self, url: str, why: str) -> None:
        self.url, self.why = url, why
        super().__init__(
            f"{url} does not appear to be a valid Deis controller: {why}.\n"
            "Make sure that the controller's URL is right, and that the controller is running."
        )


class ConnectionBroken(ClientError):
    """The connection ended after the request went out; `changed` says whether the request may have done something."""

    def __init__(self, url: str, why: str, *, changed: bool) -> None:
        self.url, self.why, self.changed = url, why, changed
        super().__init__(self._text())

    def _text(self) -> str:
        return f"the connection to {self.url} broke off: {self.why}.\n{self.remedy}"

    @property
    def remedy(self) -> str:
        """What to do, by whether anything may have changed."""
        if self.changed:
            return (
                "The change may have been made or be on its way:"
                " look with `deis releases` and `deis ps` before you do it again."
            )
        return "It was only a question, which changed nothing: ask again."


class FollowingBroken(ConnectionBroken):
    """The connection ended while a change was followed, which goes on; `known` is what was last heard of `release`."""

    def __init__(self, url: str, why: str, *, app: str = "", release: str = "", known: str = "") -> None:
        self.app, self.release, self.known = app, release, known
        super().__init__(url, why, changed=True)

    @property
    def remedy(self) -> str:
        """What is known, that it goes on, and how to follow it."""
        last = f"When it was last heard of, {self.known}. " if self.known else ""
        watch = " ".join(part for part in ("deis releases:watch", self.release, self.app and f"-a {self.app}") if part)
        return f"{last}The change is made and goes on without this command: `{watch}` follows it."


class AnswerOverdue(ConnectionBroken):
    """The controller took the request (`GET /v1/apps`) and did not answer within `seconds`."""

    def __init__(self, url: str, request: str, seconds: float, *, changed: bool) -> None:
        self.request, self.seconds = request, seconds
        super().__init__(url, f"no answer within {seconds:g} seconds", changed=changed)

    def _text(self) -> str:
        return (
            f"the controller at {self.url} hangs: {self.why} to {self.request}.\n{self.remedy}\n"
            "If it is only slow, give it longer, as with DEIS_TIMEOUT=120 (seconds);"
            " if it stays so, its operator should look at it."
        )


class Refused(ClientError):
    """The controller answered with an error.

    `fields` holds the messages by field, as the controller sent them; `detail` its one message, where it had but one;
    `app` the name of the app that was asked about, if any.
    """

    heading = ""  # of the detail's further lines

    def __init__(
        self,
        *,
        status: int,
        reason: str,
        path: str,
        fields: Mapping[str, tuple[str, ...]],
        asked: Mapping[str, object] | None = None,
    ) -> None:
        self.status, self.reason, self.path, self.fields = status, reason, path, dict(fields)
        self.asked = {name: value for name, value in (asked or {}).items() if name in SHOWN}
        self.subject, self.app = subject_of(path, asked), app_of(path)
        self.detail = "\n".join(fields.get("detail", ()) or fields.get("error", ()))
        super().__init__(self._text())

    def _text(self) -> str:
        rest = {name: texts for name, texts in self.fields.items() if name not in {"detail", "error"}}
        first, *more = self.detail.strip().splitlines() or ["the controller refused the request"]
        heading = [self.heading] if self.heading and more else []
        lines = [f"{first} {self.verdict}", *heading, *more]
        lines += [_of_field(name, text, self.asked) for name, texts in rest.items() for text in texts]
        return "\n".join([*lines, self.remedy] if self.remedy else lines)

    @property
    def remedy(self) -> str:
        """What to do, where that is known."""
        found = (hint for part, hint in HINTS if part in self.detail)
        return next(found, "").format(app=self.app)

    @property
    def verdict(self) -> str:
        """The status as scripts look for it: `(400 BAD REQUEST)`."""
        return f"({f'{self.status} {self.reason}'.strip()})"


def _of_field(name: str, text: str, asked: Mapping[str, object]) -> str:
    """A field's message, with the value that it is about; one that says itself where in the field is left as it is."""
    if text.startswith(f"{name}."):
        return text
    value = asked.get(name) if name in SHOWN and text.startswith("Enter a valid") else None
    return f'{name}: {text} "{value}" is none.' if value else f"{name}: {text}"


class NotAuthenticated(Refused):
    """401: no token, or one that the controller does not know (any more)."""

    @property
    def remedy(self) -> str:
        """To log in."""
        return "Log in again with `deis login <controller>`."


class Forbidden(Refused):
    """403: the user may not do this; `by_right` where it is a matter of permissions, and not of what was asked for."""

    @property
    def by_right(self) -> bool:
        """Whether another user could do it."""
        return self.detail == NOT_PERMITTED

    @property
    def remedy(self) -> str:
        """Who could, where that is known from the question alone."""
        return "Only an administrator may do this." if self.by_right and not self.app else ""


class NotFound(Refused):
    """404: the controller has no such thing."""

    @property
    def remedy(self) -> str:
        """Where to look what there is."""
        listing = listing_of(self.path)
        return f"See `{listing}` for what there is." if listing else ""

    def _text(self) -> str:
        return f"{self.subject} was not found {self.verdict}" + (f"\n{self.remedy}" if self.remedy else "")


class Conflict(Refused):
    """409: somebody else's change came first; `error` says that nothing was kept, `detail` that it did not get out."""

    def _text(self) -> str:
        told = super()._text()
        if "error" not in self.fields:
            return told
        return f"{told}\nSee what changed meanwhile, with `deis releases`, then run the command again."


class Unavailable(Refused):
    """503: the controller could not do it now, or a deploy failed; the details say which.

    Of a failed deploy they have the reason in one line, and in further ones the last output of the instance.
    """

    heading = "its last lines:"


class Taken(Refused):
    """400: a name that must be one of a kind is somebody's already; `thing` is an app, a domain, a user and so on."""

    def __init__(self, thing: str, name: str, remedy: str, refused: Refused) -> None:
        self.thing, self.name, self._remedy = thing, name, remedy
        super().__init__(status=refused.status, reason=refused.reason, path=refused.path, fields=refused.fields)
        self.asked = refused.asked

    @property
    def remedy(self) -> str:
        """Another name, or where this one is."""
        return self._remedy

    def _text(self) -> str:
        theirs = [f"{name}: {text}" for name, texts in self.fields.items() for text in texts]
        return "\n".join([f"{self.thing} {self.name} is taken {self.verdict}", *theirs, self.remedy])


class RateLimited(Refused):
    """429: too many calls in a short time; `seconds` until it may be tried again, where the controller says so."""

    def __init__(self, *, seconds: int | None = None, **answer: Any) -> None:
        self.seconds = seconds
        super().__init__(**answer)

    @property
    def remedy(self) -> str:
        """When to try again."""
        if self.seconds is None:
            return "Wait a little, then run the command again."
        if self.seconds < 120:
            return f"Run the command again in {self.seconds} second{'' if self.seconds == 1 else 's'}."
        return f"Run the command again in {-(-self.seconds // 60)} minutes."


KINDS: Mapping[int, type[Refused]] = {
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


SHOWN = frozenset({"username", "image"})  # fields whose refused value is told: it is short and no secret
UNIQUE = "must be unique"
TAKEN: Mapping[tuple[str, str], tuple[str, str]] = {
    # the thing and the remedy, by the last part of the path and by the field that holds its name
    ("apps", "id"): (
        "app",
        "Choose another name, or none and one is made up; `deis apps` lists the apps that you may use.",
    ),
    ("domains", "domain"): (
        "domain",
        "An app has it: `deis domains:remove` it there (`deis domains -a APP`), or choose another.",
    ),
    ("register", "username"): ("user", "Choose another username, or use `deis login` if this one is yours."),
    ("keys", "id"): ("key", "`deis keys` lists yours; `deis keys:add FILE --id NAME` gives this one another name."),
    ("certs", "common_name"): (
        "certificate",
        "Certificates are one a name: `deis certs:remove` the old one before you add a new one.",
    ),
    ("tokens", "name"): ("token", "`deis tokens` lists yours; choose another name, or `deis tokens:revoke` that one."),
}


def refusal(  # noqa: PLR0913, PLR0917 - an answer, and what was asked
    status: int,
    reason: str,
    path: str,
    body: object,
    asked: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Refused:
    """The error that an answer stands for; `body` is decoded JSON, or text where it was none.

    `asked` is the request's own body: it has the name that was refused.
    """
    fields: dict[str, tuple[str, ...]] = {}
    if isinstance(body, Mapping):
        for name, value in body.items():
            values = value if isinstance(value, list | tuple) else [value]
            fields[str(name)] = tuple(text if isinstance(text, str) else repr(text) for text in values)
    elif isinstance(body, list):
        fields["detail"] = tuple(str(text) for text in body)
    elif isinstance(body, str) and body.strip() and not body.lstrip().startswith("<"):
        fields["detail"] = (body.strip(),)
    answer: dict[str, Any] = {"status": status, "reason": reason, "path": path, "fields": fields, "asked": asked}
    if status == 429:
        wanted = (headers or {}).get("Retry-After", "")
        return RateLimited(seconds=int(wanted) if wanted.isdecimal() else None, **answer)
    refused = KINDS.get(status, Refused)(**answer)
    kind_of_thing = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    for (things, field), (thing, remedy) in TAKEN.items():
        name = (asked or {}).get(field)
        taken = things == kind_of_thing and any(UNIQUE in text for text in fields.get(field, ()))
        if status == 400 and name and taken:
            return Taken(thing, str(name), remedy, refused)
    return refused
