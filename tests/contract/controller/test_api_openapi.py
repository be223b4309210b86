"""The written contract, `proto/controller.openapi.yaml`, against the routes that there are."""

from __future__ import annotations

from openapi_spec_validator import validate

from libs.web.server import REQUEST_ID
from services.controller.api import VERSION_HEADERS, routes
from tests.support.api import Api
from tests.support.contract import canonical, operations, resolved, written, wrong_with


def test_the_contract_is_valid_openapi() -> None:
    validate(written())


async def test_the_contract_names_the_routes_that_there_are(api: Api) -> None:
    assert operations(written()).keys() == {(route.method, canonical(route)) for route in routes(api.controller)}


async def test_the_contract_says_what_is_open_to_all(api: Api) -> None:
    contract = written()
    for route in routes(api.controller):
        operation = operations(contract)[route.method, canonical(route)]
        security = operation["security"] if "security" in operation else contract["security"]
        for_tokens_only = bool(security) and all("token" in one for one in security)
        assert for_tokens_only != route.open, route.path


def test_each_status_is_told_by_itself() -> None:
    for (method, path), operation in operations(written()).items():
        assert all(status.isdigit() for status in operation["responses"]), (method, path)


def test_each_answer_tells_of_the_headers_that_every_answer_carries() -> None:
    contract = written()
    for (method, path), operation in operations(contract).items():
        for status, response in operation["responses"].items():
            told = resolved(contract, response).get("headers", {})
            assert {*VERSION_HEADERS, REQUEST_ID} <= told.keys(), (method, path, status)


def test_what_any_request_may_meet_is_told_of_each_operation() -> None:
    contract = written()
    for (method, path), operation in operations(contract).items():
        told = operation["responses"].keys()
        security = operation["security"] if "security" in operation else contract["security"]
        assert told >= {"405"}, (method, path)
        assert not path.startswith("/v1") or "503" in told, (method, path)
        assert not security or {} in security or "401" in told, (method, path)
        assert "requestBody" not in operation or {"400", "408", "413", "415"} <= told, (method, path)
        assert "{" not in path or "404" in told, (method, path)
        assert not path.startswith("/v1/apps/{id}") or "403" in told, (method, path)
        assert any(status < "300" for status in told), (method, path)


def test_what_the_contract_does_not_say_is_found() -> None:
    """The checker itself: a field too many, one too few, and a bad one inside a page."""
    event = {"id": "1", "app": "a", "kind": "k", "by": "b", "token": None, "message": "m", "release": None}
    page = {"count": 1, "next": None, "previous": None}
    schema = {"$ref": "#/components/schemas/Events"}
    good = {**page, "results": [{**event, "created": "2030-01-01T00:00:00UTC"}]}
    assert wrong_with(written(), schema, good) == []
    assert wrong_with(written(), schema, {**page, "results": [event]}) == ["'created' is a required property"]
    release = {"$ref": "#/components/schemas/ReleaseInFull"}
    assert any("'x' was unexpected" in said for said in wrong_with(written(), release, {"x": 1}))
