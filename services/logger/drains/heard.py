"""How much a receiver may say in answer to a request: an HTTP client takes in all that comes before the answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

MOST = 256 * 1024  # bytes of an answer, and of what comes before it


class SaysTooMuch(aiohttp.ClientError):
    """More came than any answer has."""


class Handler(ResponseHandler):
    """aiohttp's own, which hangs up where too much comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._heard = 0  # bytes since the last request

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        self._heard = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard += len(data)
        if self._heard <= MOST:
            super().data_received(data)
        elif self.transport is not None:
            self.set_exception(SaysTooMuch())
            self.transport.abort()


def bounded(connector: aiohttp.TCPConnector) -> aiohttp.TCPConnector:
    """The same, whose connections hear no more than that."""
    connector._factory = partial(_handler, asyncio.get_running_loop())  # noqa: SLF001 - it has no argument for it
    return connector


def _handler(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Handler(loop)
