"""A watch that ends where etcd3aio's would go on by itself, or fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from etcd3aio.watch import WatchService


class OneStream(WatchService):
    """etcd3aio's watch without its reconnection, and ended by a member that lost its leader instead of going silent."""

    def __init__(self, channel: grpc.aio.Channel, *, max_attempts: int) -> None:
        super().__init__(channel, max_attempts=max_attempts)
        self._stub = Stub(self._stub.Watch)

    @staticmethod
    def _is_transient_error(exc: grpc.aio.AioRpcError) -> bool:  # noqa: ARG004  # none is: the stream ends with it
        return False

    def set_token(self, token: str | None) -> None:
        """Send this token; `hasleader` is etcd's own word for "not from a member that is cut off"."""
        super().set_token(token)
        self._metadata = (*self._metadata, ("hasleader", "true"))


class Stub:
    """The watch call, whose requests end with it.

    etcd3aio's never do: when a server that died has ended the call, gRPC's task still waits for the next one, and its
    collection is an error in the log.
    """

    def __init__(self, watch: Callable[..., grpc.aio.StreamStreamCall]) -> None:
        self._watch = watch

    def Watch(self, requests: AsyncGenerator[Any, None], **options: Any) -> grpc.aio.StreamStreamCall:  # noqa: N802
        """The call; its name is gRPC's."""
        ended = asyncio.Event()

        async def first_until_ended() -> AsyncGenerator[Any, None]:
            async with aclosing(requests):
                yield await anext(requests)
            await ended.wait()

        call = self._watch(first_until_ended(), **options)
        call.add_done_callback(lambda _: ended.set())
        return call
