"""The stand-in's answers about accounts and the platform: keys, certificates, permissions, users, tokens, settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DATE = "2026-01-02T03:04:05UTC"
FIRST = {"id": "1f", "name": "", "created": DATE, "last_used": DATE, "current": True}
DEFAULTS = {"registration_mode": "enabled"}

Answer = tuple[int, Any]
"""A status and a body; a list becomes a page, None is an empty answer."""


@dataclass
class Accounts:
    """What it knows; ada asks, and is an administrator."""

    users: list[str] = field(default_factory=lambda: ["ada", "bob"])
    admins: list[str] = field(default_factory=lambda: ["ada"])
    shared: dict[str, list[str]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    certs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[dict[str, Any]] = field(default_factory=lambda: [dict(FIRST)])
    settings: dict[str, str] = field(default_factory=dict)
    expires: str = "2036-01-02T03:04:05UTC"

    def answer(  # noqa: PLR0911 - one table of the API
        self, method: str, parts: list[str], body: Any
    ) -> Answer | None:
        """The answer to a call, or None where it is about something else."""
        match parts:
            case ["keys", *_]:
                return self._keys(method, parts[1:], body)
            case ["certs", *_]:
                return self._certs(method, parts[1:], body)
            case ["users"]:
                users = [{"username": name, "email": "", "is_superuser": name in self.admins} for name in self.users]
                return 200, users
            case ["admin", "settings"]:
                changed = {**self.settings, **(body.get("settings") or {})}
                self.settings = {name: value for name, value in changed.items() if value is not None}
                shape = {"settings": {**DEFAULTS, **self.settings}, "defaults": DEFAULTS}
                return 200 if method == "GET" else 201, shape
            case ["admin", "perms", *who]:
                return self._admins(method, who, body)
            case ["apps", app, "perms", *who]:
                return self._perms(method, self.shared.setdefault(app, []), who, body)
            case ["auth", *what]:
                return self._auth(method, what, body)
        return None

    def _keys(self, method: str, name: list[str], body: Any) -> Answer:
        if method == "POST":
            if body["id"] in self.keys:
                return 400, {"id": ["This field must be unique."]}
            self.keys[body["id"]] = {"uuid": "k", "owner": "ada", "fingerprint": "aa:bb", "created": DATE, **body}
            return 201, self.keys[body["id"]]
        return _listed_or_removed(method, self.keys, "/".join(name))

    def _certs(self, method: str, name: list[str], body: Any) -> Answer:
        if method == "POST":
            common_name = body.get("common_name", "www.example.com")
            if common_name in self.certs:
                return 400, {"common_name": ["This field must be unique."]}
            names = {"common_name": common_name, "subject_alt_names": [common_name]}
            dates = {"created": DATE, "updated": DATE}
            self.certs[common_name] = {"id": 1, "owner": "ada", "expires": self.expires, **names, **dates}
            return 201, {**self.certs[common_name], "expires": self.expires.removesuffix("UTC")}
        return _listed_or_removed(method, self.certs, "/".join(name))

    def _admins(self, method: str, who: list[str], body: Any) -> Answer:
        if method == "GET":
            return 200, [{"username": name, "is_superuser": True} for name in self.admins]
        return self._perms(method, self.admins, who, body)

    def _perms(self, method: str, among: list[str], who: list[str], body: Any) -> Answer:
        if method == "GET":
            return 200, {"users": among}
        name = who[0] if who else body["username"]
        if name not in self.users:
            return 404, {"detail": "Not found"}
        if method == "DELETE" and name not in among:
            return 403, {"detail": "You do not have permission to perform this action."}
        among.append(name) if method == "POST" else among.remove(name)
        return 201 if method == "POST" else 204, None

    def _auth(  # noqa: PLR0911 - one table of the API
        self, method: str, what: list[str], body: Any
    ) -> Answer | None:
        match method, what:
            case "DELETE", ["cancel"]:
                name = body.get("username", "ada")
                if name == "bob":
                    return 409, {"detail": "bob still has applications assigned. Delete or transfer ownership"}
                return (204, None) if name in self.users else (404, {"detail": "Not found"})
            case "GET", ["whoami"]:
                return 200, {"username": "ada", "email": "", "is_superuser": True}
            case "GET", ["tokens"]:
                return 200, self.tokens
            case "POST", ["tokens"] if "name" in body:
                self.tokens.insert(0, {**FIRST, "id": "2e", "name": body["name"], "last_used": None, "current": False})
                return 201, {"token": "f" * 40, "id": "2e", "name": body["name"]}
            case "POST", ["tokens"]:
                return 200, "" if "all" in body else {"token": "e" * 40}
            case "DELETE", ["tokens", which]:
                kept = [one for one in self.tokens if which != ("current" if one["current"] else one["id"])]
                kept = [one for one in kept if one["id"] != which]
                found, self.tokens = len(kept) < len(self.tokens), kept
                return (204, None) if found else (404, {"detail": "Not found"})
        return None


def _listed_or_removed(method: str, things: dict[str, dict[str, Any]], name: str) -> Answer:
    if method == "GET":
        return 200, list(things.values())
    return (204, None) if things.pop(name, None) else (404, {"detail": "Not found"})


REASONS = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND", 409: "CONFLICT"}


def response(answer: Answer, request: web.Request) -> web.Response:
    """The answer as v1 sends it: a list as a page."""
    status, body = answer
    if body is None:
        return web.Response(status=status)
    if isinstance(body, list):
        size = int(request.query.get("page_size", "100"))
        body = {"count": len(body), "next": None, "previous": None, "results": body[:size]}
    return web.json_response(body, status=status, reason=REASONS.get(status))
