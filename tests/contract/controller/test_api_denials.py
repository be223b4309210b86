"""The matrix: what each route answers each person, and that a denial changes nothing and leaks nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from libs.keyspace.document import now
from libs.store.shelf import Shelf
from services.controller.api import routes
from tests.contract.controller.matrix.row import NOBODY, PERSONS, Row
from tests.contract.controller.matrix.rows import ROWS
from tests.support.api import Answer, Api, Client
from tests.support.cast import Cast, enlist, hash_of, on_stage
from tests.support.contract import canonical

SAID = {
    401: {"detail": "Authentication credentials were not provided."},
    403: {"detail": "You do not have permission to perform this action."},
    404: {"detail": "Not found"},
}


@asynccontextmanager
async def untouched(cast: Cast) -> AsyncIterator[None]:
    """Nothing in the store is changed meanwhile."""
    before = await cast.everything()
    yield
    assert await cast.everything() == before


def check_denial(answer: Answer, status: int) -> None:
    """It says what it is, and nothing of what was asked for."""
    assert answer.status == status, answer
    if status in SAID:
        assert answer.json == SAID[status]
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Token"


async def test_every_route_is_in_the_matrix(api: Api) -> None:
    there = {(route.method, canonical(route)) for route in routes(api.controller)}
    assert {(row.method, row.path) for row in ROWS} == there


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_person_gets_what_the_matrix_says(row: Row, cast: Cast, tmp_path: Path) -> None:
    for person in PERSONS:
        if row.status(person) >= 400:
            async with untouched(cast):
                answer = await cast.client(person)(row.method, row.at(cast), row.body)
            check_denial(answer, row.status(person))
    for person in PERSONS:
        if row.status(person) < 400:
            async with on_stage(tmp_path / person) as fresh:
                answer = await fresh.client(person)(row.method, row.at(fresh), row.body)
                assert answer.status == row.status(person), (person, answer)


def forms(path: str) -> list[str]:
    """Other spellings of a path."""
    encoded = "/".join(f"%{ord(part[0]):02X}{part[1:]}" if part else "" for part in path.split("/"))
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    return [other, encoded, f"/{path}", path.replace("/v1/", "/v1//"), path.replace("/v1/", "/v1/./"), f"{path}%2F"]


@pytest.mark.parametrize("row", [row for row in ROWS if max(row.statuses) >= 400 and row.path != "/v1"], ids=str)
async def test_no_other_spelling_of_a_request_opens_what_is_denied(row: Row, cast: Cast) -> None:
    by_token = row.statuses != NOBODY
    denied = [person for person in PERSONS if row.status(person) in SAID]
    async with untouched(cast):
        for person in denied:
            client, status = cast.client(person), row.status(person)
            for path in forms(row.at(cast)):
                answer = await client(row.method, path, row.body)
                assert answer.status in {status, 404, 405}, (person, path, answer)
                other = {404: (None, SAID[404]), 405: ({"detail": f"Method '{row.method}' not allowed."},)}
                assert answer.json in other.get(answer.status, (SAID[status],)), (path, answer)
            if row.method == "GET":
                answer = await client("HEAD", row.at(cast))
                assert (answer.status, answer.text) == (status, ""), (person, answer)
            overridden = {"X-HTTP-Method-Override": row.method, "DEIS-VERSION": "1"}
            answer = await client("PUT", row.at(cast), row.body, headers=overridden)
            assert answer.status == (401 if person == "anonymous" and by_token else 405)
    answer = await cast.client("anonymous")("OPTIONS", row.at(cast))
    assert answer.status == (401 if row.status("anonymous") == 401 and by_token else 200)


async def dead_tokens(cast: Cast) -> dict[str, Client]:
    """Tokens of the owner, and of superusers, that are not good any more, by why."""
    store, keyspace = cast.api.store, cast.api.controller.keyspace
    tokens, users = Shelf(store, keyspace.tokens), Shelf(store, keyspace.users)
    found = {"unknown": cast.api.client.with_token("f" * 40), "hash": cast.api.client.with_token(hash_of("0" * 40))}
    revoked = await enlist(cast.api, "revoked", superuser=True)
    await tokens.delete(hash_of(revoked.token))
    cancelled = await enlist(cast.api, "cancelled", superuser=True)
    await users.delete("cancelled")
    reborn = await enlist(cast.api, "reborn", superuser=True)
    await users.update(lambda user: user.changed(date_joined=now() + timedelta(seconds=1)), "reborn")
    inactive = await enlist(cast.api, "inactive", superuser=True, is_active=False)
    return {**found, "revoked": revoked, "cancelled": cancelled, "reborn": reborn, "inactive": inactive}


async def test_a_token_that_is_not_good_any_more_opens_nothing(cast: Cast) -> None:
    tokens = await dead_tokens(cast)
    await cast.settled()
    async with untouched(cast):
        for why, client in tokens.items():
            for row in ROWS:
                if row.status("anonymous") == 401:
                    answer = await client(row.method, row.at(cast), row.body)
                    assert answer.line == "401 UNAUTHORIZED", (why, row, answer)
                    assert answer.headers["WWW-Authenticate"] == "Token"
                    assert answer.json.keys() == {"detail"}
