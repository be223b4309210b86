"""A daemon's own record in the mesh: who it is, and where it is reached."""

from __future__ import annotations

from importlib.metadata import version

from libs.daemon.daemon import Daemon
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember

WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - to be known, not to be listened on


def url_at(host: str, port: int, *, node_address: str) -> str:
    """Where others reach what listens on `host:port`: there, or at the node's address where it listens on all."""
    address = node_address if host in WILDCARDS else host
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def announcement(daemon: Daemon, *, id_: str, node: str, url: str = "") -> MeshMember:
    """What to keep, leased, under `mesh/<daemon>/<id>`; without a `url` all that it serves are its probes."""
    return MeshMember(
        service=daemon.name,
        id=id_,
        node=node,
        url=url or daemon.admin_url,
        admin_url=daemon.admin_url,
        version=version("deis"),
        started=now(),
    )
