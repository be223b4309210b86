"""What a path of the API is about, in words."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote


def parts_of(path: str) -> list[str]:
    """The path's parts, unescaped."""
    return [unquote(part) for part in path.partition("?")[0].split("/") if part]


def app_of(path: str) -> str:
    """The app that a path is below; empty where there is none."""
    match parts_of(path):
        case ["v1", "apps", app, *_]:
            return app
    return ""


def subject_of(path: str, asked: Mapping[str, object] | None = None) -> str:
    """What was not found where the answer is 404: `/v1/apps/foo/domains/a.b` → `domain a.b of app foo`.

    `asked` is the request's own body, which names what the path does not.
    """
    subject = "the call"
    named = (asked or {}).get("username")
    user = f"user {named}" if named else "the user"
    match parts_of(path):
        case ["v1", "apps", app, *rest]:
            subject = _of_app(app, rest, user, (asked or {}).get("version"))
        case ["v1", "auth", "tokens", which]:
            subject = f"token {which}"
        case ["v1", "auth", what, *_]:
            subject = user if what in {"passwd", "tokens", "cancel"} else "the call"
        case ["v1", "admin", "drains", drain]:
            subject = f"drain {drain} of the platform"
        case ["v1", "admin", "perms", *who]:
            subject = f"user {who[0]}" if who else user
        case ["v1", "certs", name]:
            subject = f"certificate {name}"
        case ["v1", "keys", *name] if name:
            subject = f"key {'/'.join(name)}"
        case ["v1", *rest] if rest:
            subject = "/".join(rest)
    return subject


def listing_of(path: str) -> str:
    """The command that lists things such as the one that was not found; empty where there is none."""
    listing = ""
    match parts_of(path):
        case ["v1", "apps", app, ("domains" | "drains" | "releases" | "builds") as kind, _, *_]:
            listing = f"deis {kind} -a {app}"
        case ["v1", "admin", "drains", _]:
            listing = "deis drains --platform"
        case ["v1", "apps", app, "perms", *_]:
            listing = f"deis perms -a {app}"
        case ["v1", "apps", _, *_]:
            listing = "deis apps"
        case ["v1", "auth", "tokens", _]:
            listing = "deis tokens"
        case ["v1", "admin", "perms", *_]:
            listing = "deis users"
        case ["v1", ("certs" | "keys") as kind, _, *_]:
            listing = f"deis {kind}"
    return listing


def _of_app(app: str, rest: list[str], user: str, version: object) -> str:
    subject = f"app {app}"
    match rest:
        case ["releases", "rollback"]:
            release = f"release v{version}" if version else "the release to go back to"
            subject = f"{release}, or app {app} itself,"
        case ["releases", version, "cancel"]:
            subject = f"release {version} of app {app}"
        case ["perms", *who]:
            subject = f"{f'user {who[0]}' if who else user}, or app {app} itself,"
        case ["domains" | "drains" | "releases" | "builds" as kind, name] if name != "cancel":
            subject = f"{kind.removesuffix('s')} {name} of app {app}"
    return subject
