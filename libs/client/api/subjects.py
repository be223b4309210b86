"""What a path of the API is about, in words."""

from __future__ import annotations

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


def subject_of(path: str) -> str:
    """What was not found where the answer is 404: `/v1/apps/foo/domains/a.b` → `domain a.b of app foo`."""
    subject = "the call"
    match parts_of(path):
        case ["v1", "apps", app, *rest]:
            subject = _of_app(app, rest)
        case ["v1", "auth", "tokens", which]:
            subject = f"token {which}"
        case ["v1", "auth", what, *_]:
            subject = "the user" if what in {"passwd", "tokens", "cancel"} else "the call"
        case ["v1", "admin", "perms", *who]:
            subject = f"user {who[0]}" if who else "the user"
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
        case ["v1", "apps", app, ("domains" | "releases" | "builds") as kind, _, *_]:
            listing = f"deis {kind} -a {app}"
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


def _of_app(app: str, rest: list[str]) -> str:
    subject = f"app {app}"
    match rest:
        case ["releases", "rollback"]:
            subject = f"the release to go back to, or app {app} itself,"
        case ["releases", version, "cancel"]:
            subject = f"release {version} of app {app}"
        case ["perms", *who]:
            subject = f"{f'user {who[0]}' if who else 'the user'}, or app {app} itself,"
        case ["domains" | "releases" | "builds" as kind, name] if name != "cancel":
            subject = f"{kind.removesuffix('s')} {name} of app {app}"
    return subject
