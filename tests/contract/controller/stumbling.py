"""What tests of cancelled accounts ask, and a store in which somebody else writes at the worst moment."""

from __future__ import annotations

from libs.keyspace.records import User
from libs.store import StoreUnavailable
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from libs.store.store import ANY, Expected, Lease
from tests.support.api import Answer, Api, Client


class Stumbling(MemoryStore):
    """Lets somebody else write right after a write, and fails deletions below a prefix while it is told to."""

    broken = ""

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        revision = await super().put(key, value, expect=expect, lease=lease)
        if (interrupt := self.interrupts.pop(key, None)) is not None:
            await super().put(*interrupt)
        return revision

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        if self.broken and key.startswith(self.broken):
            raise StoreUnavailable("away")
        return await super().delete(key, expect=expect)

    @property
    def interrupts(self) -> dict[str, tuple[str, bytes]]:
        """What somebody else writes right after a write of this key."""
        found: dict[str, tuple[str, bytes]] = self.__dict__.setdefault("_interrupts", {})
        return found


async def cancel(client: Client, username: str | None = None) -> Answer:
    return await client("DELETE", "/v1/auth/cancel/", None if username is None else {"username": username})


async def user(api: Api, username: str) -> User | None:
    stored = await Shelf(api.store, api.controller.keyspace.users).get(username)
    return stored.document if stored else None
