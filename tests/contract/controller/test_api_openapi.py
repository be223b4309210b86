"""The written contract, `proto/controller.openapi.yaml`, against the running API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from services.controller.api import routes
from services.controller.controller import Route
from tests.support.api import Answer, Api, Client

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
        errors = [error.message for error in OAS31Validator(self._absolute(schema)).iter_errors(value)]
        assert errors == [], (method, path, answer.text)
        return answer

    def _resolved(self, thing: Any) -> Any:
        while isinstance(thing, dict) and "$ref" in thing:
            found: Any = self.contract
            for step in thing["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            thing = found
        return thing

    def _absolute(self, schema: Any) -> Any:
        """References inside the contract, resolved in place: the schemas have no cycles."""
        if isinstance(schema, dict):
            inner = {key: self._absolute(value) for key, value in schema.items() if key != "$ref"}
            return (
                {"allOf": [self._absolute(self._resolved({"$ref": schema["$ref"]}))], **inner}
                if "$ref" in schema
                else inner
            )
        return [self._absolute(one) for one in schema] if isinstance(schema, list) else schema


async def test_every_operation_answers_as_the_contract_says(api: Api, contract: dict[str, Any]) -> None:
    nobody = Checked(api.client, contract)
    account = {"username": "admin", "password": "opensesame"}
    await nobody("GET", "/healthz", "/healthz", status=200)
    await nobody("GET", "/v1", "/v1", status=401)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=201)
    await nobody("POST", "/v1/auth/register", "/v1/auth/register", account, status=400)
    token = (await nobody("POST", "/v1/auth/login/", "/v1/auth/login/", account, status=200)).json["token"]

    call = Checked(api.client.with_token(token), contract)
    password = {"password": "opensesame", "new_password": "opensesame"}
    await call("GET", "/v1", "/v1", status=200)
    await call("GET", "/v1/auth/whoami", "/v1/auth/whoami", status=200)
    await call("POST", "/v1/auth/passwd", "/v1/auth/passwd", password, status=200)
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=201)
    await call("POST", "/v1/apps", "/v1/apps", {"id": "hello"}, status=400)
    await call("GET", "/v1/apps", "/v1/apps", status=200)

    app, at = "/v1/apps/hello", "/v1/apps/{id}"
    await call("GET", app, at, status=200)
    await call("POST", app, at, {}, status=200)
    await call("GET", "/v1/apps/nope", at, status=404)
    await call("POST", f"{app}/config", f"{at}/config", {"values": {"A": 1}, "cpu": {"cmd": 2}}, status=201)
    build = await call("POST", f"{app}/builds", f"{at}/builds", {"image": "a", "procfile": {"web": "x"}}, status=201)
    api.deployer.failing["bad"] = "no such image"
    await call("POST", f"{app}/builds", f"{at}/builds", {"image": "bad"}, status=503)
    await call("POST", f"{app}/config", f"{at}/config", {"values": {"A": None}}, status=201)
    await call("GET", f"{app}/config", f"{at}/config", status=200)
    await call("GET", f"{app}/builds", f"{at}/builds", status=200)
    await call("GET", f"{app}/builds/{build.json['uuid']}", f"{at}/builds/{{uuid}}", status=200)
    await call("GET", f"{app}/releases", f"{at}/releases", status=200)
    await call("GET", f"{app}/releases/v1", f"{at}/releases/{{version}}", status=200)
    await call("POST", f"{app}/releases/rollback", f"{at}/releases/rollback", {"version": 3}, status=201)
    await call("POST", f"{app}/scale", f"{at}/scale", {"web": 1}, status=204)
    await call("GET", f"{app}/containers", f"{at}/containers", status=200)
    await call("GET", f"{app}/containers/web", f"{at}/containers/{{type}}", status=200)
    await call("GET", f"{app}/containers/web/1", f"{at}/containers/{{type}}/{{num}}", status=200)
    await call("POST", f"{app}/containers/restart", f"{at}/containers/restart", status=200)
    await call("POST", f"{app}/containers/web/restart", f"{at}/containers/{{type}}/restart", status=200)
    await call("POST", f"{app}/containers/web/1/restart", f"{at}/containers/{{type}}/{{num}}/restart", status=200)
    await call("POST", f"{app}/domains", f"{at}/domains", {"domain": "example.org"}, status=201)
    await call("GET", f"{app}/domains", f"{at}/domains", status=200)
    await call("DELETE", f"{app}/domains/example.org", f"{at}/domains/{{domain}}", status=204)
    await call("GET", f"{app}/logs", f"{at}/logs", status=500)
    await call("GET", f"{app}/events", f"{at}/events", status=200)
    await call("DELETE", app, at, status=204)

    operations = {
        item[method]["operationId"] for item in contract["paths"].values() for method in item.keys() & METHODS
    }
    assert call.seen | nobody.seen == operations
