"""The written contract, `proto/controller.openapi.yaml`, against the running API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from libs.keyspace.records import Rollout
from services.controller.api import routes
from services.controller.controller import Route
from tests.support.api import Answer, Api, Client
from tests.support.waiting import eventually

CONTRACT = Path(__file__).parents[3] / "proto" / "controller.openapi.yaml"
METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONTRACT.read_text())
    return loaded


def canonical(route: Route) -> str:
    """A route's path without the patterns of its parts."""
    resource = web.UrlDispatcher().add_resource(route.path + ("/" if route.slash else ""))
    return resource.canonical


def test_the_contract_is_valid_openapi(contract: dict[str, Any]) -> None:
    validate(contract)


async def test_the_contract_names_the_routes_that_there_are(api: Api, contract: dict[str, Any]) -> None:
    written = {(method.upper(), path) for path, item in contract["paths"].items() for method in item.keys() & METHODS}
    running = {(route.method, canonical(route)) for route in routes(api.controller)}
    assert written == running


async def test_the_contract_says_what_is_open_to_all(api: Api, contract: dict[str, Any]) -> None:
    for route in routes(api.controller):
        path = canonical(route)
        security = contract["paths"][path][route.method.lower()].get("security", contract["security"])
        assert (security == [] or {} in security) == route.open, path


class Checked:
    """A client whose answers are held against the contract."""

    def __init__(self, client: Client, contract: dict[str, Any]) -> None:
        self.client = client
        self.contract = contract
        self.seen: set[str] = set()

    async def __call__(self, method: str, path: str, template: str, body: Any = None, *, status: int) -> Answer:
        answer = await self.client(method, path, body)
        assert answer.status == status, answer
        operation = self.contract["paths"][template][method.lower()]
        self.seen.add(operation["operationId"])
        described = self._resolved(operation["responses"].get(str(status), operation["responses"].get("default")))
        assert described is not None
        if "content" not in described:
            assert answer.text == ""
            return answer
        type_ = answer.headers["Content-Type"].partition(";")[0]
        schema = described["content"][type_]["schema"]
        value = answer.json if type_ == "application/json" else answer.text
        assert self.wrong(schema, value) == [], (method, path, answer.text)
        return answer

    def wrong(self, schema: Any, value: Any) -> list[str]:
        """What is wrong with a value."""
        return [error.message for error in OAS31Validator(self._absolute(schema)).iter_errors(value)]

    def _resolved(self, thing: Any) -> Any:
        return self._at(thing["$ref"]) if "$ref" in thing else thing

    def _at(self, reference: str) -> Any:
        found: Any = self.contract
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _absolute(self, schema: Any) -> Any:
        """References resolved in place, beside what stands with them: the schemas have no cycles."""
        if isinstance(schema, dict):
            inner = {key: self._absolute(value) for key, value in schema.items() if key != "$ref"}
            if "$ref" not in schema:
                return inner
            return {"allOf": [self._absolute(self._at(schema["$ref"]))], **inner}
        return [self._absolute(one) for one in schema] if isinstance(schema, list) else schema


def test_what_the_contract_does_not_say_is_found(contract: dict[str, Any]) -> None:
    """The checker itself: a field too many, one too few, and a bad one inside a page."""
    checked = Checked(Client(None, ""), contract)  # type: ignore[arg-type]  # it asks nothing
    event = {"id": "1", "app": "a", "kind": "k", "by": "b", "message": "m", "release": None}
    page = {"count": 1, "next": None, "previous": None}
    schema = {"$ref": "#/components/schemas/Events"}
    good = {**page, "results": [{**event, "created": "2030-01-01T00:00:00UTC"}]}
    assert checked.wrong(schema, good) == []
    assert checked.wrong(schema, {**page, "results": [event]}) == ["'created' is a required property"]
    name = "ReleaseInFull"
    assert any(
        "'x' was unexpected" in said for said in checked.wrong({"$ref": f"#/components/schemas/{name}"}, {"x": 1})
    )


APP, AT = "/v1/apps/hello", "/v1/apps/{id}"


async def ask_for_accounts(nobody: Checked, contract: dict[str, Any]) -> Checked:
    account = {"username": "admin", "password": "opensesame"}
    await nobody("GET", "/healthz", "/healthz", status=200)
    await nobody("GET", "/v1", "/v1", status=401)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=201)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=400)
    token = (await nobody("POST", "/v1/auth/login/", "/v1/auth/login/", account, status=200)).json["token"]
    call = Checked(nobody.client.with_token(token), contract)
    password = {"password": "opensesame", "new_password": "opensesame"}
    await call("GET", "/v1", "/v1", status=200)
    await call("GET", "/v1/auth/whoami", "/v1/auth/whoami", status=200)
    await call("POST", "/v1/auth/passwd", "/v1/auth/passwd", password, status=200)
    return call


async def ask_for_apps(call: Checked) -> None:
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=201)
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=400)
    await call("GET", "/v1/apps", "/v1/apps", status=200)
    await call("GET", APP, AT, status=200)
    await call("POST", APP, AT, {}, status=200)
    await call("GET", "/v1/apps/nope", AT, status=404)
    await call("GET", f"{APP}/settings", f"{AT}/settings", status=200)
    chosen = {"settings": {"surge": "50%", "parallel": 2, "drain_seconds": 1.5, "response_timeout_seconds": 60}}
    await call("POST", f"{APP}/settings", f"{AT}/settings", chosen, status=201)
    await call("POST", f"{APP}/settings", f"{AT}/settings", {"settings": {"colour": 1}}, status=400)
    await call("POST", f"{APP}/domains", f"{AT}/domains", {"domain": "example.org"}, status=201)
    await call("GET", f"{APP}/domains", f"{AT}/domains", status=200)
    await call("DELETE", f"{APP}/domains/example.org", f"{AT}/domains/{{domain}}", status=204)
    await call("GET", f"{APP}/logs", f"{AT}/logs", status=500)
    await call("GET", f"{APP}/events", f"{AT}/events", status=200)


async def ask_for_releases(call: Checked) -> None:
    await call("POST", f"{APP}/config", f"{AT}/config", {"values": {"A": 1}, "cpu": {"cmd": 2}}, status=201)
    build = await call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "a", "procfile": {"web": "x"}}, status=201)
    await call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "bad"}, status=503)
    await call("POST", f"{APP}/config", f"{AT}/config", {"values": {"A": None}}, status=201)
    await call("GET", f"{APP}/config", f"{AT}/config", status=200)
    await call("GET", f"{APP}/builds", f"{AT}/builds", status=200)
    await call("GET", f"{APP}/builds/{build.json['uuid']}", f"{AT}/builds/{{uuid}}", status=200)
    probe = {"httpGet": {"path": "/up", "httpHeaders": [{"name": "a", "value": "b"}]}, "periodSeconds": 2}
    alive = {"exec": {"command": ["test", "-f", "/alive"]}}
    probes = {"healthcheck": {"web": {"readinessProbe": probe}, "worker": {"livenessProbe": alive}}}
    await call("POST", f"{APP}/healthchecks", f"{AT}/healthchecks", probes, status=201)
    await call("POST", f"{APP}/healthchecks", f"{AT}/healthchecks", {"healthcheck": {"web": 1}}, status=400)
    await call("GET", f"{APP}/healthchecks", f"{AT}/healthchecks", status=200)
    await call("GET", f"{APP}/releases", f"{AT}/releases", status=200)
    await call("GET", f"{APP}/releases/v1", f"{AT}/releases/{{version}}", status=200)
    await call("GET", f"{APP}/releases/v3", f"{AT}/releases/{{version}}", status=200)
    await call("POST", f"{APP}/releases/rollback", f"{AT}/releases/rollback", {"version": 3}, status=201)
    await call("POST", f"{APP}/releases/cancel", f"{AT}/releases/cancel", status=409)


async def ask_to_cancel(call: Checked, api: Api, cancel: str, template: str) -> None:
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "slow"}, status=409))
        await eventually(lambda: under_way(api))
        await call("GET", APP, AT, status=200)
        await call("POST", f"{APP}/releases{cancel}", f"{AT}/releases{template}", status=200)
    assert "cancelled by admin" in deploy.result().json["detail"]


def under_way(api: Api) -> Rollout | None:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    rollout = api.controller.picture.rollouts.mirror.get(app.uuid, app.release)
    return rollout if rollout is not None and not rollout.settled else None


async def ask_for_processes(call: Checked) -> None:
    await call("POST", f"{APP}/scale", f"{AT}/scale", {"web": 1}, status=204)
    await call("GET", f"{APP}/containers", f"{AT}/containers", status=200)
    await call("GET", f"{APP}/containers/web", f"{AT}/containers/{{type}}", status=200)
    await call("GET", f"{APP}/containers/web/1", f"{AT}/containers/{{type}}/{{num}}", status=200)
    await call("POST", f"{APP}/containers/restart", f"{AT}/containers/restart", status=200)
    await call("POST", f"{APP}/containers/web/restart", f"{AT}/containers/{{type}}/restart", status=200)
    await call("POST", f"{APP}/containers/web/1/restart", f"{AT}/containers/{{type}}/{{num}}/restart", status=200)


async def test_every_operation_answers_as_the_contract_says(api: Api, contract: dict[str, Any]) -> None:
    api.deployer.failing["bad"] = "no such image"
    nobody = Checked(api.client, contract)
    call = await ask_for_accounts(nobody, contract)
    await ask_for_apps(call)
    await ask_for_releases(call)
    api.deployer.slow.add("slow")
    await ask_to_cancel(call, api, "/cancel", "/cancel")
    await ask_to_cancel(call, api, "/v9/cancel", "/{version}/cancel")
    await ask_for_processes(call)
    await call("DELETE", APP, AT, status=204)
    operations = {
        item[method]["operationId"] for item in contract["paths"].values() for method in item.keys() & METHODS
    }
    assert call.seen | nobody.seen == operations
