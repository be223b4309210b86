"""SSH keys, with which a user pushes: `/v1/keys`."""

from __future__ import annotations

from urllib.parse import quote

from libs.client.api.answer import Answer, Page
from libs.client.api.connection import Connection


class Key(Answer):
    """A public key. `public` is the line of its file: type, base64 and comment."""

    id: str
    public: str = ""
    fingerprint: str = ""
    owner: str = ""
    created: str = ""
    updated: str = ""


class Keys:
    """The user's own keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100) -> Page[Key]:
        """The first `limit` keys."""
        return (await self._connection.get("/v1/keys", page_size=limit)).read(Page[Key])

    async def add(self, name: str, public: str) -> Key:
        """Let the owner of this key push."""
        return (await self._connection.post("/v1/keys", {"id": name, "public": public})).read(Key)

    async def remove(self, name: str) -> None:
        """Take a key back."""
        await self._connection.delete(f"/v1/keys/{quote(name, safe='')}")
