"""A controller's API in few lines, for the client's tests: v1's paths and shapes, and no platform behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.contract.client.stand_in_accounts import Accounts, response
from tests.contract.client.stand_in_tails import Drains, Tails

TOKEN = "0123456789abcdef0123456789abcdef01234567"
DATE = "2026-01-02T03:04:05UTC"
VERSIONS = {"DEIS_API_VERSION": "1.7", "DEIS_PLATFORM_VERSION": "2.0.0"}

DEFAULTS: dict[str, Any] = {
    "startup_limit_seconds": 60.0,
    "drain_seconds": 30.0,
    "drain_websocket_seconds": 300.0,
    "stop_grace_seconds": 10.0,
    "response_timeout_seconds": None,
    "surge": None,
    "parallel": None,
}
NUMBERS = {
    "initialDelaySeconds": 0,
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page(results: list[dict[str, Any]], request: web.Request) -> web.Response:
    size = int(request.query.get("page_size", "100"))
    body = {"count": len(results), "next": None, "previous": None, "results": results[:size]}
    return web.json_response(body)


def refused(status: int, reason: str, body: Any) -> web.Response:
    return web.json_response(body, status=status, reason=reason)


@dataclass
class StandIn:
    """Remembers what it was asked, and can be told to misbehave: `answers` maps "METHOD path" to a handler."""

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    answers: dict[str, Handler] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    accounts: Accounts = field(default_factory=Accounts)
    tails: Tails = field(default_factory=Tails)
    drains: dict[str, Drains] = field(default_factory=dict)  # by app; the platform's under ""

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path_qs, body))
        self.tokens.append(request.headers.get("Authorization"))
        self.arrived.set()
        own = self.answers.get(f"{request.method} {request.path}")
        if own:
            return await own(request)
        if request.path.startswith("/logs/"):
            return await self.tails.handle(request)
        response = await self.answer(request, body or {})
        response.headers.update(VERSIONS)
        return response

    def writes(self) -> list[tuple[str, str, Any]]:
        """What was asked that changes something, logins left out."""
        return [ask for ask in self.asked if ask[0] != "GET" and not ask[1].startswith("/v1/auth")]

    def app(self, name: str) -> dict[str, Any]:
        """An app with a release that runs, for tests that are not about how it came to be."""
        self.apps[name] = {
            "values": {},
            "memory": {},
            "cpu": {},
            "tags": {},
            "healthcheck": {},
            "settings": {},
            "formation": {"cmd": 1},
            "domains": [],
            "builds": [],
            "releases": ["ada created initial release"],
        }
        return self.apps[name]

    async def answer(  # noqa: C901, PLR0911, PLR0912 - one table of the API
        self, request: web.Request, body: Any
    ) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        match request.method, parts:
            case "POST", ["v1", "auth", "register"]:
                if body["username"] == "taken":
                    return refused(400, "BAD REQUEST", {"username": ["This field must be unique."]})
                return web.json_response({"username": body["username"], "email": body["email"]}, status=201)
            case "POST", ["v1", "auth", "login"]:
                if body["password"] != "secret":
                    text = "Unable to log in with provided credentials."
                    return refused(400, "BAD REQUEST", {"non_field_errors": [text]})
                return web.json_response({"token": TOKEN})
        if request.headers.get("Authorization") != f"token {TOKEN}":
            return refused(401, "UNAUTHORIZED", {"detail": "Authentication credentials were not provided."})
        about_accounts = self.accounts.answer(request.method, parts[1:], body)
        if about_accounts:
            return response(about_accounts, request)
        match request.method, parts:
            case method, ["v1", "admin", "drains", *rest]:
                return response(self.drains.setdefault("", Drains()).answer(method, "", rest, body), request)
            case "POST", ["v1", "auth", "passwd"]:
                if body.get("password") != "secret" and "username" not in body:
                    return refused(400, "BAD REQUEST", {"detail": "Current password does not match"})
                return web.json_response({"status": "password set"})
            case "GET", ["v1", "apps"]:
                return page([self.shape(name) for name in self.apps], request)
            case "POST", ["v1", "apps"]:
                name = body.get("id", "tender-hardtack")
                if name in self.apps:
                    return refused(400, "BAD REQUEST", {"id": ["This field must be unique."]})
                self.app(name)["formation"] = {}
                return web.json_response(self.shape(name), status=201)
            case _, ["v1", "apps", name, *rest] if name in self.apps:
                return await self.of_app(request, name, rest, body)
        return refused(404, "NOT FOUND", {"detail": "Not found"})

    async def of_app(  # noqa: C901, PLR0911, PLR0912 - one table of the API
        self, request: web.Request, name: str, rest: list[str], body: Any
    ) -> web.StreamResponse:
        app = self.apps[name]
        match request.method, rest:
            case "GET", []:
                return web.json_response(self.shape(name))
            case "POST", []:
                return web.Response()
            case "DELETE", []:
                del self.apps[name]
                return web.Response(status=204)
            case "GET", ["logs"]:
                count = int(request.query.get("log_lines", "1000"))
                lines = [f"{DATE} {name}[cmd.1]: line {number}\n" for number in range(3)]
                return web.Response(text="".join(lines[-count:]))
            case "POST", ["logs", "tickets"]:
                return self.tails.issue()
            case method, ["drains", *drain]:
                return response(self.drains.setdefault(name, Drains()).answer(method, name, drain, body), request)
            case "GET", ["events"]:
                event = {"id": "1", "app": name, "kind": "created", "by": "ada", "message": "ada created it"}
                return page([{**event, "release": "v1", "created": DATE}], request)
            case "GET", ["config"]:
                return web.json_response(self.config(name))
            case "POST", ["config"]:
                for group, changes in body.items():
                    app[group] = {k: v for k, v in {**app[group], **changes}.items() if v is not None}
                app["releases"].append("ada changed config")
                answer = self.config(name)
                answer["values"] = {**app["values"], "DEIS_APP": name, "DEIS_RELEASE": f"v{len(app['releases'])}"}
                return web.json_response(answer, status=201)
            case "GET", ["builds"]:
                return page(app["builds"], request)
            case "POST", ["builds"]:
                build = {"uuid": f"b{len(app['builds'])}", "app": name, "owner": "ada", "created": DATE, **body}
                app["builds"].insert(0, build)
                app["releases"].append(f"ada deployed {body['image']}")
                return web.json_response(build, status=201)
            case "GET", ["releases"]:
                numbers = range(len(app["releases"]), 0, -1)
                return page([self.release(name, number) for number in numbers], request)
            case "POST", ["releases", "rollback"]:
                app["releases"].append("ada rolled back")
                return web.json_response({"version": len(app["releases"])}, status=201)
            case "GET", ["releases", version] if version[1:].isdigit() and 0 < int(version[1:]) <= len(app["releases"]):
                return web.json_response(self.release(name, int(version[1:])))
            case "GET", ["containers"]:
                return page(self.processes(name), request)
            case "POST", ["containers", *scope, "restart"]:
                wanted = [p for p in self.processes(name) if [p["type"], str(p["num"])][: len(scope)] == scope]
                return web.json_response(wanted)
            case "POST", ["scale"]:
                if "nope" in body:
                    text = "Container type nope does not exist in application"
                    return refused(400, "BAD REQUEST", {"detail": text})
                app["formation"].update(body)
                return web.Response(status=204)
            case "GET", ["domains"]:
                return page([self.domain(name, domain) for domain in app["domains"]], request)
            case "POST", ["domains"]:
                app["domains"].append(body["domain"])
                return web.json_response(self.domain(name, body["domain"]), status=201)
            case "DELETE", ["domains", domain] if domain in app["domains"]:
                app["domains"].remove(domain)
                return web.Response(status=204)
        return self.of_deploys(request.method, name, rest, body)

    def of_deploys(self, method: str, name: str, rest: list[str], body: Any) -> web.Response:
        app = self.apps[name]
        match method, rest:
            case "GET", ["healthchecks"]:
                return web.json_response(self.healthchecks(name))
            case "POST", ["healthchecks"]:
                for type_, changes in body["healthcheck"].items():
                    probes = {**app["healthcheck"].get(type_, {}), **changes}
                    app["healthcheck"][type_] = {k: v for k, v in probes.items() if v is not None}
                app["releases"].append("ada changed healthchecks")
                return web.json_response(self.healthchecks(name), status=201)
            case _, ["settings"]:
                changed = {**app["settings"], **(body.get("settings") or {})}
                app["settings"] = {k: v for k, v in changed.items() if v is not None}
                answer = {"app": name, "settings": {**DEFAULTS, **app["settings"]}, "defaults": DEFAULTS}
                return web.json_response(answer, status=200 if method == "GET" else 201)
            case "POST", ["run"]:
                first, _, code = body["command"].partition(" ")
                return web.json_response([int(code) if first == "exit" else 0, f"ran {body['command']}\n"])
            case "POST", ["releases", *which, "cancel"]:
                version = int(which[0][1:]) if which else len(app["releases"])
                return web.json_response({"version": version, "back_to": version - 1})
        return refused(404, "NOT FOUND", {"detail": "Not found"})

    def shape(self, name: str) -> dict[str, Any]:
        names = {"uuid": f"u-{name}", "id": name, "owner": "ada", "url": f"{name}.localhost"}
        return {**names, "structure": self.apps[name]["formation"], "created": DATE, "updated": DATE}

    def config(self, name: str) -> dict[str, Any]:
        groups = {group: dict(self.apps[name][group]) for group in ("values", "memory", "cpu", "tags")}
        return {"uuid": "c", "app": name, "owner": "ada", **groups, "created": DATE, "updated": DATE}

    def healthchecks(self, name: str) -> dict[str, Any]:
        app = self.apps[name]
        readiness = {"tcpSocket": {}, **NUMBERS}
        effective = {
            type_: {
                "readinessProbe": readiness,
                **{probe: {**said, **NUMBERS, **said} for probe, said in app["healthcheck"].get(type_, {}).items()},
            }
            for type_ in app["formation"]
        }
        names = {"app": name, "release": f"v{len(app['releases'])}"}
        return {**names, "healthcheck": app["healthcheck"], "effective": effective}

    def release(self, name: str, number: int) -> dict[str, Any]:
        ids = {"uuid": f"r{number}", "app": name, "owner": "ada", "config": "c", "build": None if number == 1 else "b"}
        summary = self.apps[name]["releases"][number - 1]
        return {**ids, "created": DATE, "updated": DATE, "version": number, "summary": summary}

    def processes(self, name: str) -> list[dict[str, Any]]:
        release = f"v{len(self.apps[name]['releases'])}"
        return [
            {"app": name, "owner": "ada", "type": type_, "num": number, "state": "up", "release": release, "uuid": "p"}
            for type_, count in self.apps[name]["formation"].items()
            for number in range(1, count + 1)
        ]

    def domain(self, name: str, domain: str) -> dict[str, Any]:
        return {"app": name, "domain": domain, "owner": "ada", "created": DATE, "updated": DATE}


def says(status: int, body: Any, *, reason: str = "", headers: dict[str, str] | None = None) -> Handler:
    """A handler that always gives the same answer; a text body is sent as HTML."""

    async def answer(request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        return web.Response(status=status, reason=reason or None, text=text, content_type=kind, headers=headers)

    return answer


def streams(*documents: Any, broken: bool = False) -> Handler:
    """A handler that says these one after the other, and then ends, or breaks off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "application/x-ndjson", **VERSIONS}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for document in documents:
            await response.write(json.dumps(document).encode() + b"\n")
        if broken and request.transport:
            request.transport.close()
        return response

    return answer


@asynccontextmanager
async def serving(app: web.Application, host: str, **tls: Any) -> AsyncIterator[int]:
    """The port at which the application is served meanwhile."""
    runner = web.AppRunner(app, shutdown_timeout=1.0)  # a handler that hangs on purpose is cut off
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, **tls)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
