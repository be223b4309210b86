"""A stand-in for the logger, as the controller finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store.shelf import Shelf
from libs.web import application, listen
from tests.support.api import Api
from tests.support.waiting import eventually


async def announce(api: Api, id_: str, url: str, *, ready: bool = True, sockets_url: str = "") -> None:
    """Write that there is a logger; `sockets_url`: where its tails are."""
    member = MeshMember(
        service="logger", id=id_, node="n1", url=url, sockets_url=sockets_url, ready=ready, started=now()
    )
    revision = await Shelf(api.store, api.controller.keyspace.mesh).put(member, "logger", id_)
    await eventually(lambda: api.controller.picture.loggers.mirror.revision >= revision)


@asynccontextmanager
async def logger(
    api: Api, status: int, body: bytes = b"", *, id_: str = "one", sockets_url: str = "", **more: Any
) -> AsyncIterator[list[web.Request]]:
    """A logger that answers so, and what it was asked."""
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=status, body=body, **more)

    app = application(service="logger", registry=CollectorRegistry())
    app.router.add_get("/{app}", answer)
    async with listen(app, "127.0.0.1", 0) as port:
        await announce(api, id_, f"http://127.0.0.1:{port}", sockets_url=sockets_url)
        yield asked
