"""Certificates that the router serves, one a host name: `/v1/certs`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from libs.client.api.answer import Answer, Page
from libs.client.api.connection import Connection


class Cert(Answer):
    """One certificate; neither it nor its key is ever given back. `expires` as the API has its dates."""

    common_name: str
    expires: str = ""
    owner: str = ""
    fingerprint: str = ""
    subject_alt_names: tuple[str, ...] = ()
    created: str = ""
    updated: str = ""


class Certs:
    """The user's certificates."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100) -> Page[Cert]:
        """The first `limit` certificates."""
        return (await self._connection.get("/v1/certs", page_size=limit)).read(Page[Cert])

    async def add(self, certificate: str, key: str, common_name: str | None = None) -> Cert:
        """Serve a certificate (PEM, as its key) for a host name; for its own where none is given."""
        body: dict[str, Any] = {"certificate": certificate, "key": key}
        if common_name:
            body["common_name"] = common_name
        return (await self._connection.post("/v1/certs", body)).read(Cert)

    async def remove(self, common_name: str) -> None:
        """Serve it no more."""
        await self._connection.delete(f"/v1/certs/{quote(common_name, safe='')}")
