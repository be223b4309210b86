"""What several of these tests ask."""

from __future__ import annotations

from typing import Any

from tests.support.api import Answer, Client


async def config(client: Client, app: str, **values: Any) -> Answer:
    return await client("POST", f"{app}/config", {"values": values})


async def versions(client: Client, app: str) -> list[tuple[int, str]]:
    listed = (await client("GET", f"{app}/releases")).json["results"]
    return [(one["version"], one["summary"]) for one in listed]


async def config_is(client: Client, app: str, values: dict[str, str]) -> bool:
    return bool((await client("GET", f"{app}/config")).json["values"] == values)


async def state_is(client: Client, app: str, number: int, state: str) -> bool:
    return bool((await client("GET", f"{app}/releases/v{number}")).json["state"] == state)
