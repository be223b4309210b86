"""The driver `etcd3`: etcd's v3 API over gRPC; the one file that knows etcd3aio.

etcd3aio's habits that are caught here: its watch reconnects by itself from a revision that may skip events, and steps
over a compaction; it repeats writes whose answer was lost; its keepalive pings an idle connection, which etcd answers
by closing it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from etcd3aio import EtcdError, EtcdUnauthenticatedError
from etcd3aio._protobuf import Compare, RequestOp  # the package names no compare by revision
from etcd3aio.auth import AuthService
from etcd3aio.kv import KVService, SortOrder, prefix_range_end
from etcd3aio.lease import LeaseService
from etcd3aio.watch import WatchService

from libs.daemon.settings import Settings
from libs.store.driver import Inspect, unseen
from libs.store.errors import HistoryLost, LeaseLost, StaleRevision, StoreUnavailable, TooLarge
from libs.store.store import ABSENT, ANY, Batch, Change, Entry, Expected, Identity, Lease, Listing

T = TypeVar("T")

CALL = 5.0  # seconds that a call may take
PAGE = 250  # entries asked for at once by a list
ONCE = 1  # attempts: whoever retries does so with a fresh look

# etcd refuses pings more often than each 5 s (--grpc-keepalive-min-time), and any on a connection without a stream.
KEEPALIVE = 10.0  # seconds between pings
KEEPALIVE_ANSWER = 5.0  # seconds until a peer that does not answer one is taken for dead

AUTH_OUTDATED = "revision of auth store is old"  # etcd's ErrAuthOldRevision, an INVALID_ARGUMENT
TOO_LARGE = ("request is too large", "received message larger than max")


def open_driver(settings: Settings) -> Etcd3Store:
    """A client of the configured members. It connects when it is first used."""

    def read(path: Path | None) -> bytes | None:
        return path.read_bytes() if path else None

    tls = Tls(read(settings.store_ca_file), read(settings.store_cert_file), read(settings.store_key_file))
    login = (settings.store_user, settings.store_password.get_secret_value()) if settings.store_user else None
    endpoints = [endpoint.strip() for endpoint in settings.store_endpoints.split(",")]
    return Etcd3Store(Connection(endpoints, tls=tls, login=login), probe=f"{settings.store_prefix}/platform/store")


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


class Etcd3Lease:
    """A lease of etcd's."""

    def __init__(self, connection: Connection, inspect: Inspect, id_: int, ttl: float) -> None:
        self.id = id_
        self._connection, self._inspect, self._ttl = connection, inspect, ttl

    @property
    def ttl(self) -> float:
        """Seconds that it lives without a renewal."""
        return self._ttl

    async def renew(self) -> None:
        """Start its time anew. The answer may come from a member that lags behind: it is not inspected."""
        self._inspect()
        left = await self._connection.call(self._keep_alive)
        if left <= 0:
            raise LeaseLost(f"lease {self.id:x} ended")

    async def revoke(self) -> None:
        """End it now."""
        self._inspect()
        try:
            await self._connection.call(lambda: self._connection.leases.revoke(self.id, timeout=CALL))
        except LeaseLost:
            return

    async def _keep_alive(self) -> int:
        stream = self._connection.leases.keep_alive(self.id)
        try:
            async with asyncio.timeout(CALL):
                async for answer in stream:
                    return int(answer.TTL)
        finally:
            stream.cancel()
        raise StoreUnavailable("etcd ended the renewal without an answer")


class Etcd3Store:
    """A client of etcd. `probe` is a key that the client may read, there or not: for the question who is there."""

    durable = True

    def __init__(self, connection: Connection, *, probe: str, inspect: Inspect = unseen) -> None:
        self._connection = connection
        self._probe = probe
        self._inspect = inspect

    def shown_to(self, inspect: Inspect) -> Etcd3Store:
        """This client, its answers shown to `inspect` first."""
        return Etcd3Store(self._connection, probe=self._probe, inspect=inspect)

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        answer = await self._ask(lambda: self._connection.kv.get(key, timeout=CALL))
        return _entry(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str) -> Listing:
        """See `Store.list`. Read in pages of one revision, so that neither side holds up for long."""
        while True:
            try:
                return await self._list(prefix)
            except HistoryLost:  # that revision was compacted between two pages
                continue

    async def _list(self, prefix: str) -> Listing:
        end = prefix_range_end(prefix)
        begin, revision = prefix.encode(), 0
        entries: list[Entry] = []
        while True:
            page = await self._ask(
                lambda begin=begin, revision=revision: self._connection.kv.get(  # type: ignore[misc]
                    begin, end, revision=revision, limit=PAGE, sort_order=SortOrder.ASCEND, timeout=CALL
                )
            )
            revision = revision or page.header.revision
            entries += [_entry(kv) for kv in page.kvs]
            if not page.more:
                return Listing(tuple(entries), revision)
            begin = page.kvs[-1].key + b"\0"

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """See `Store.put`."""
        if not isinstance(lease, Etcd3Lease | None):
            raise TypeError(f"{lease!r} is no lease of etcd's")
        id_ = lease.id if lease is not None else 0
        if expect is ANY:
            answer = await self._ask(lambda: self._connection.kv.put(key, value, lease=id_, timeout=CALL))
        else:
            answer = await self._swap(key, expect, KVService.txn_op_put(key, value, lease=id_))
        return int(answer.header.revision)

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """See `Store.delete`."""
        if expect is ANY:
            answer = await self._ask(lambda: self._connection.kv.delete(key, timeout=CALL))
            return bool(answer.deleted)
        answer = await self._swap(key, expect, KVService.txn_op_delete(key))
        return bool(answer.responses[0].response_delete_range.deleted)

    async def lease(self, ttl: float) -> Etcd3Lease:
        """See `Store.lease`."""
        answer = await self._ask(lambda: self._connection.leases.grant(max(1, math.ceil(ttl)), timeout=CALL))
        return Etcd3Lease(self._connection, self._inspect, answer.ID, float(answer.TTL))

    async def identity(self) -> Identity:
        """See `Store.identity`."""
        answer = await self._ask(lambda: self._connection.kv.get(self._probe, keys_only=True, timeout=CALL))
        return _identity(answer)

    async def close(self) -> None:
        """Close the channel, for every client of it."""
        await self._connection.channel.close()

    @asynccontextmanager
    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        """See `Store.watch`. It stands once entered.

        It is asked for from `after` itself, which is known already: a compaction at `after + 1` keeps that revision but
        forgets its deletions (etcd issue 19179), and only so is it told.
        """
        stream = cast(
            AsyncGenerator[Any, None],
            self._connection.watches.watch(
                prefix, prefix_range_end(prefix), start_revision=max(1, after), progress_notify=True
            ),
        )
        async with aclosing(stream):
            with translated():
                async with asyncio.timeout(CALL):
                    first = await anext(stream, None)
            if first is None or first.canceled:
                raise StoreUnavailable(f"etcd refused a watch: {first.cancel_reason if first else 'no answer'}")
            async with aclosing(_batches(stream, after)) as batches:
                yield batches

    async def _swap(self, key: str, expect: Expected, change: RequestOp) -> Any:
        revision = 0 if expect is ABSENT else cast(int, expect)  # a key that is not there has modification revision 0
        compare = Compare(result=Compare.EQUAL, target=Compare.MOD, key=key.encode(), mod_revision=revision)
        answer = await self._ask(lambda: self._connection.kv.txn([compare], [change], timeout=CALL))
        if not answer.succeeded:
            raise StaleRevision(key, expect)
        return answer

    async def _ask(self, verb: Callable[[], Awaitable[Any]]) -> Any:
        """Do one call, and show who answered it to the inspector."""
        judge = self._inspect()
        answer = await self._connection.call(verb)
        judge(_identity(answer))
        return answer


async def _batches(stream: AsyncIterator[Any], after: int) -> AsyncGenerator[Batch, None]:
    """The changes after a revision. Those of one revision come together; a header's revision may be ahead of them."""
    changes: list[Change] = []
    with translated():
        async for answer in stream:
            if answer.compact_revision:
                raise HistoryLost(
                    f"etcd compacted its history up to {answer.compact_revision}; asked for after {after}"
                )
            if answer.created or answer.canceled:
                raise StoreUnavailable(f"etcd ended the watch: {answer.cancel_reason or 'it began anew'}")
            changes += [_change(event) for event in answer.events if event.kv.mod_revision > after]
            if answer.fragment:
                continue
            reached = changes[-1].revision if changes else after if answer.events else int(answer.header.revision)
            if reached > after:
                yield Batch(tuple(changes), reached)
                after, changes = reached, []
    raise StoreUnavailable("etcd ended the watch")


def _identity(answer: Any) -> Identity:
    header = answer.header
    return Identity(f"{header.cluster_id:x}", int(header.revision), int(header.raft_term))


def _entry(kv: Any) -> Entry:
    return Entry(kv.key.decode(errors="backslashreplace"), kv.value, int(kv.mod_revision), int(kv.create_revision))


def _change(event: Any) -> Change:
    entry = _entry(event.kv)
    deleted = event.type == event.DELETE
    return Change(entry.key, None if deleted else entry, entry.revision)
