"""The connection to etcd's members: its channel, its login, and what its errors are called in the store."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from etcd3aio import EtcdError, EtcdUnauthenticatedError
from etcd3aio.auth import AuthService
from etcd3aio.kv import KVService
from etcd3aio.lease import LeaseService

from libs.store.drivers.etcd3.one_stream import OneStream
from libs.store.errors import HistoryLost, LeaseLost, StoreUnavailable, TooLarge

T = TypeVar("T")

CALL = 5.0  # seconds that a call may take
ONCE = 1  # attempts: whoever retries does so with a fresh look

# etcd refuses pings more often than each 5 s (--grpc-keepalive-min-time), and any on a connection without a stream.
KEEPALIVE = 10.0  # seconds between pings
KEEPALIVE_ANSWER = 5.0  # seconds until a peer that does not answer one is taken for dead

AUTH_OUTDATED = "revision of auth store is old"  # etcd's ErrAuthOldRevision, an INVALID_ARGUMENT
TOO_LARGE = ("request is too large", "received message larger than max")


@dataclass(frozen=True)
class Tls:
    """PEM bytes; without an authority the connection is plain. Several members share the first one's name."""

    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse what would otherwise be a plain connection, or one without the certificate."""
        if (self.certificate or self.key) and not (self.certificate and self.key and self.authority):
            raise ValueError("DEIS_STORE_CERT_FILE and DEIS_STORE_KEY_FILE need each other, and DEIS_STORE_CA_FILE")


def target(endpoints: list[str]) -> str:
    """The gRPC name of the members: one may be a DNS name that is looked up again, several are addresses."""
    if len(endpoints) == 1:
        return f"dns:///{endpoints[0]}"
    found = []
    for endpoint in endpoints:
        host, _, port = endpoint.rpartition(":")
        try:
            address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0][4][0]
        except OSError as error:
            raise StoreUnavailable(f"the etcd member {endpoint} has no address: {error}") from error
        found.append(f"{address}:{port}" if ipaddress.ip_address(address).version == 4 else f"[{address}]:{port}")
    return f"{'ipv6' if found[0].startswith('[') else 'ipv4'}:{','.join(found)}"


class Connection:
    """The channel to etcd with its services and its token; clients share it."""

    def __init__(
        self,
        endpoints: list[str],
        *,
        tls: Tls = Tls(),
        login: tuple[str, str] | None = None,
        keepalive: float = KEEPALIVE,
    ) -> None:
        answer = int(min(keepalive, KEEPALIVE_ANSWER) * 1000)
        options: list[tuple[str, str | int]] = [
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.keepalive_time_ms", int(keepalive * 1000)),
            ("grpc.keepalive_timeout_ms", answer),
            ("grpc.http2.ping_timeout_ms", answer),  # a minute otherwise, whatever the former says
            ("grpc.keepalive_permit_without_calls", 0),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.min_reconnect_backoff_ms", 1000),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0),
        ]
        if tls.authority is None:
            self.channel = grpc.aio.insecure_channel(target(endpoints), options=options)
        else:
            if len(endpoints) > 1:
                options.append(("grpc.ssl_target_name_override", endpoints[0].rpartition(":")[0].strip("[]")))
            credentials = grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
            self.channel = grpc.aio.secure_channel(target(endpoints), credentials, options=options)
        self.kv = KVService(self.channel, max_attempts=ONCE)
        self.leases = LeaseService(self.channel, max_attempts=ONCE)
        self.watches = OneStream(self.channel, max_attempts=ONCE)
        self._auth = AuthService(self.channel, max_attempts=ONCE)
        self._login = login
        self._token: str | None = None
        self._logging_in = asyncio.Lock()
        self._use(None)

    async def call(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Do one call; a token that etcd does not know (any more) is replaced, and the call done again."""
        token = self._token
        if self._login and token is None:
            token = await self._log_in(None)
        try:
            with translated():
                return await verb()
        except TokenRefused:
            if self._login is None:
                raise
            await self._log_in(token)
            with translated():
                return await verb()

    async def _log_in(self, refused: str | None) -> str | None:
        async with self._logging_in:
            if self._login and self._token == refused:
                with translated():
                    answer = await self._auth.authenticate(*self._login, timeout=CALL)
                self._use(answer.token)
            return self._token

    def _use(self, token: str | None) -> None:
        self._token = token
        for service in (self.kv, self.leases, self.watches):
            service.set_token(token)


class TokenRefused(StoreUnavailable):
    """etcd wants a login, or another one."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the store's own errors in place of etcd3aio's and gRPC's."""
    try:
        yield
    except EtcdUnauthenticatedError as error:
        raise TokenRefused(str(error)) from error
    except (EtcdError, TimeoutError, grpc.aio.UsageError) as error:
        raise StoreUnavailable(str(error) or f"etcd did not answer within {CALL:g} s") from error
    except grpc.aio.AioRpcError as error:
        words = error.details() or error.code().name
        match error.code():
            case grpc.StatusCode.UNAUTHENTICATED:
                raise TokenRefused(words) from error
            case grpc.StatusCode.INVALID_ARGUMENT if AUTH_OUTDATED in words:
                raise TokenRefused(words) from error
            case grpc.StatusCode.NOT_FOUND:
                raise LeaseLost(words) from error
            case grpc.StatusCode.OUT_OF_RANGE:
                raise HistoryLost(words) from error
            case _ if any(sign in words for sign in TOO_LARGE):
                raise TooLarge(words) from error
            case _:
                raise StoreUnavailable(f"{error.code().name}: {words}") from error
