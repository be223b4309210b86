"""Tokens of a user as tests of the API make and look at them."""

from __future__ import annotations

from libs.store.shelf import Shelf
from services.controller.tokens import hash_of
from tests.support.api import Api, Client


async def again(client: Client, username: str = "member") -> Client:
    """One more login."""
    login = {"username": username, "password": "opensesame"}
    return client.with_token((await client("POST", "/v1/auth/login/", login)).json["token"])


async def listed(client: Client, query: str = "") -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await client("GET", f"/v1/auth/tokens{query}")).json["results"]
    return found


async def works(client: Client) -> bool:
    return (await client("GET", "/v1/auth/whoami")).status == 200


async def put_back(api: Api, token: str, **fields: object) -> None:
    """Change a token's record by hand."""
    shelf = Shelf(api.store, api.controller.keyspace.tokens)
    stored = await shelf.update(lambda found: found.changed(**fields), hash_of(token))
    assert stored is not None
    await api.controller.picture.tokens.reach(stored.revision)
