"""Which logger has an app: every daemon that knows the same loggers gives the same answer."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

from libs.keyspace.records import MeshMember


def logger_of(app_uuid: str, members: Collection[MeshMember]) -> MeshMember | None:
    """The member that keeps an app's lines, None where there is none.

    Rendezvous hashing: a logger that comes or goes moves only the apps that it gets or had. Only ready ones count while
    there is any.
    """
    candidates = [member for member in members if member.ready] or members
    return max(candidates, key=lambda member: (_score(app_uuid, member.id), member.id), default=None)


def _score(app_uuid: str, id_: str) -> bytes:
    return blake2b(f"{id_}\0{app_uuid}".encode(), digest_size=8).digest()
