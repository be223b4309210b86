"""An HTTP receiver of drains, in Logplex's format."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.support.certificates import Made
from tests.support.ports import free_port


@dataclass
class Endpoint:
    """An HTTP receiver that answers as it is told, 204 by itself."""

    port: int = field(default_factory=free_port)
    answers: list[web.Response] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # frame ids
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await runner.setup()
        self.answering.set()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        await self.answering.wait()
        if self.answers:
            self.refused.append(request.headers["Logplex-Frame-Id"])
            return self.answers.pop(0)
        self.taken.append((dict(request.headers), body))
        return web.Response(status=204)

    def messages(self) -> list[bytes]:
        found: list[bytes] = []
        for _, body in self.taken:
            rest = body
            while rest:
                length, _, rest = rest.partition(b" ")
                found.append(rest[: int(length)])
                rest = rest[int(length) :]
        return found


def serving(made: Made, folder: Path) -> ssl.SSLContext:
    """What a server needs to show this certificate."""
    (folder / "pem").write_text(made.pem + made.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "pem")
    return context
