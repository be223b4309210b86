"""The controller's written contract, and a client whose answers are held against it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from openapi_schema_validator import OAS31Validator

from services.controller.controller import Route
from tests.support.api import Answer, Client

CONTRACT = Path(__file__).parents[2] / "proto" / "controller.openapi.yaml"
METHODS = frozenset({"get", "post", "put", "delete", "patch"})

Document = dict[str, Any]


def canonical(route: Route) -> str:
    """A route's path as the contract writes it: without the patterns of its parts."""
    resource = web.UrlDispatcher().add_resource(route.path + ("/" if route.slash else ""))
    return resource.canonical


@cache
def written() -> Document:
    """The contract as it is written."""
    loaded: Document = yaml.safe_load(CONTRACT.read_text())
    return loaded


def operations(document: Document) -> dict[tuple[str, str], Document]:
    """Every operation by its method (in upper case) and path."""
    return {
        (method.upper(), path): item[method]
        for path, item in document["paths"].items()
        for method in item
        if method in METHODS
    }


def at(document: Document, reference: str) -> Any:
    """What a `$ref` means."""
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def resolved(document: Document, thing: Any) -> Any:
    """The thing itself, where it is a reference to one."""
    return at(document, thing["$ref"]) if "$ref" in thing else thing


def absolute(document: Document, schema: Any) -> Any:
    """References resolved in place, beside what stands with them: the schemas have no cycles."""
    if isinstance(schema, dict):
        inner = {key: absolute(document, value) for key, value in schema.items() if key != "$ref"}
        if "$ref" not in schema:
            return inner
        return {"allOf": [absolute(document, at(document, schema["$ref"]))], **inner}
    return [absolute(document, one) for one in schema] if isinstance(schema, list) else schema


def wrong_with(document: Document, schema: Any, value: Any) -> list[str]:
    """What of a value is not as a schema says."""
    return [error.message for error in OAS31Validator(absolute(document, schema)).iter_errors(value)]


def values(type_: str, answer: Answer) -> list[Any]:
    """What an answer tells: of one that went on, each line."""
    match type_:
        case "application/json":
            return [answer.json]
        case "application/x-ndjson":
            return [json.loads(line) for line in answer.text.splitlines() if line]
        case _:
            return [answer.text]


@dataclass
class Checked:
    """A client whose answers are held against the contract; `seen` are the operations that it asked for."""

    client: Client
    document: Document = field(default_factory=written)
    seen: set[str] = field(default_factory=set)

    def of(self, client: Client) -> Checked:
        """The same for another user."""
        return Checked(client, self.document, self.seen)

    async def __call__(
        self, method: str, path: str, template: str, body: Any = None, *, status: int, **more: Any
    ) -> Answer:
        """One request of the operation at `template`."""
        answer = await self.client(method, path, body, **more)
        assert answer.status == status, answer
        operation = self.document["paths"][template][method.lower()]
        self.seen.add(operation["operationId"])
        assert str(status) in operation["responses"], f"{method} {template} does not tell of {status}"
        described = resolved(self.document, operation["responses"][str(status)])
        for name, header in described.get("headers", {}).items():
            told = resolved(self.document, header)
            assert name in answer.headers or not told.get("required"), (method, path, name)
        if "content" not in described:
            assert answer.text == ""
            return answer
        type_ = answer.headers["Content-Type"].partition(";")[0]
        schema = described["content"][type_]["schema"]
        for value in values(type_, answer):
            assert wrong_with(self.document, schema, value) == [], (method, path, value)
        return answer
