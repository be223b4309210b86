"""The way to one logger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError

from libs.loglines import Ack, Frame, Known, pack
from libs.loglines.frame import BOOT_HEADER
from libs.loglines.token import header


class LoggerAway(Exception):
    """The logger did not answer as one: what was sent may or may not have been taken, so it is sent again."""


class LoggerForgot(Exception):
    """The logger is not the boot that was spoken to: its memory is another, and everything begins anew."""


class BatchRefused(Exception):
    """The logger answers, and will never take this batch."""


@dataclass(frozen=True)
class LoggerClient:
    """Speaks with the logger at `url` as `proto/log-line.md` says. Every call raises `LoggerAway` when it fails.

    The session's own timeouts bound each call.
    """

    session: aiohttp.ClientSession
    url: str
    token: str

    async def boot(self) -> str:
        """Which memory it has."""
        _, body = await self._call("GET", "/_/boot")
        return _ack(body).boot

    async def known(self, app_uuid: str, instance: str) -> Known:
        """How far it has come with an instance."""
        _, body = await self._call("GET", f"/_/known/{quote(app_uuid, safe='')}/{quote(instance, safe='')}")
        try:
            return Known.model_validate_json(body)
        except ValidationError as error:
            raise LoggerAway(f"{self.url} answers what is no answer: {body[:100]!r}") from error

    async def last_lines(self, app: str, count: int) -> list[bytes]:
        """The last lines of an app, as its readers see them."""
        _, body = await self._call("GET", f"/{quote(app, safe='')}?log_lines={count}")
        return body.splitlines()

    async def send(self, boot: str, frames: Iterable[Frame]) -> Ack:
        """Hand over a batch; raises `LoggerForgot` and `BatchRefused` as well."""
        status, body = await self._call("POST", "/_/lines", data=pack(frames), headers={BOOT_HEADER: boot})
        if status in {400, 413}:
            raise BatchRefused(body[:500].decode("utf-8", "replace"))
        ack = _ack(body)
        if ack.boot != boot:
            raise LoggerForgot(f"{self.url} has boot {ack.boot}, not {boot}")
        return ack

    async def _call(
        self, method: str, path: str, *, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        asked = header(self.token) | (headers or {})
        try:
            stream = None if data is None else BytesIO(data)  # written in parts: a large one holds nobody up
            async with self.session.request(method, self.url + path, data=stream, headers=asked) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LoggerAway(f"{self.url} does not answer: {type(error).__name__}: {error}") from error
        if answer.status not in {200, 204, 400, 409, 413}:
            raise LoggerAway(f"{self.url} answers {answer.status}: {body[:200].decode('utf-8', 'replace')}")
        return answer.status, body


def _ack(body: bytes) -> Ack:
    try:
        return Ack.model_validate_json(body)
    except ValidationError as error:
        raise LoggerAway(f"what answers is no logger: {body[:100]!r}") from error
