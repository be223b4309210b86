"""The driver `etcd3`: etcd's v3 API over gRPC; the one place that knows etcd3aio.

etcd3aio's habits that are caught here: its watch reconnects by itself from a revision that may skip events, and steps
over a compaction; it repeats writes whose answer was lost; its keepalive pings an idle connection, which etcd answers
by closing it.
"""

from __future__ import annotations

from pathlib import Path

from libs.daemon.settings import Settings
from libs.store.drivers.etcd3.connection import Connection, Tls
from libs.store.drivers.etcd3.store import PAGE, Etcd3Store

__all__ = ["PAGE", "Connection", "Etcd3Store", "open_driver"]


def open_driver(settings: Settings) -> Etcd3Store:
    """A client of the configured members. It connects when it is first used."""

    def read(path: Path | None) -> bytes | None:
        return path.read_bytes() if path else None

    tls = Tls(read(settings.store_ca_file), read(settings.store_cert_file), read(settings.store_key_file))
    login = (settings.store_user, settings.store_password.get_secret_value()) if settings.store_user else None
    endpoints = [endpoint.strip() for endpoint in settings.store_endpoints.split(",")]
    return Etcd3Store(Connection(endpoints, tls=tls, login=login), probe=f"{settings.store_prefix}/platform/store")
