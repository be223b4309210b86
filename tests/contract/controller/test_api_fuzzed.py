"""Whatever anybody sends, the answer is one that the contract tells of: its status, its headers and its body.

`DEIS_FUZZ_EXAMPLES=500 pytest …` asks more often, and differently each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy

import pytest
from schemathesis.core.failures import FailureGroup

from tests.support.contract import operations, written
from tests.support.fuzzed import Served, fuzz, served

EXAMPLES = int(os.environ.get("DEIS_FUZZ_EXAMPLES", "0"))
FEW = 20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as api:
        yield api


@pytest.mark.parametrize("operation", operations(written()), ids=" ".join)
def test_every_answer_is_one_that_the_contract_tells_of(api: Served, operation: tuple[str, str]) -> None:
    fuzz(api, written(), *operation, examples=EXAMPLES or FEW, fixed=not EXAMPLES)


def test_a_status_that_the_contract_does_not_tell_of_is_found(api: Served) -> None:
    contract = deepcopy(written())
    del contract["paths"]["/v1/apps/{id}"]["get"]["responses"]["404"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        fuzz(api, contract, "GET", "/v1/apps/{id}", examples=FEW)


def test_a_body_that_is_not_as_the_contract_says_is_found(api: Served) -> None:
    contract = deepcopy(written())
    contract["components"]["schemas"]["App"]["properties"]["url"] = {"type": "integer"}
    with pytest.raises(FailureGroup, match='is not of type "integer"'):
        fuzz(api, contract, "GET", "/v1/apps/{id}", examples=FEW)


def test_a_type_that_the_contract_does_not_tell_of_is_found(api: Served) -> None:
    contract = deepcopy(written())
    told = contract["paths"]["/v1/apps/{id}/logs"]["get"]["responses"]["200"]
    told["content"] = {"application/json": told["content"]["text/plain"]}
    with pytest.raises(FailureGroup, match="Undocumented Content-Type"):
        fuzz(api, contract, "GET", "/v1/apps/{id}/logs", examples=FEW)


def test_a_header_that_is_not_there_is_found(api: Served) -> None:
    contract = deepcopy(written())
    contract["paths"]["/v1/auth/whoami"]["get"]["responses"]["200"]["headers"]["X-Mood"] = {"required": True}
    with pytest.raises(FailureGroup, match="X-Mood"):
        fuzz(api, contract, "GET", "/v1/auth/whoami", examples=FEW)


def test_a_handler_that_fails_is_found(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.cast.api.controller.picture.apps.mirror, "items", lambda: 1 / 0)
    with pytest.raises(FailureGroup, match="Server error"):
        fuzz(api, written(), "GET", "/v1/apps", examples=FEW)
