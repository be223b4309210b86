"""Every key, built and parsed here and nowhere else.

A key is `<prefix>/<collection>/<component>/…`. Components are percent-encoded, so that no user's name can
split a key (`/`), climb out of one (`..`) or hide it (the v2 API hides names that begin with `_`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import Generic, TypeVar
from urllib.parse import quote, unquote

from libs.keyspace import records
from libs.keyspace.document import Document

D = TypeVar("D", bound=Document)


class BadKey(ValueError):
    """A key, or a component of one, that is not of the collection's shape."""


@lru_cache(maxsize=1024)
def escape(component: str) -> str:
    """One path component, percent-encoded; a leading `_` and the names `.` and `..` are encoded too."""
    if not component:
        raise BadKey("a key's component is empty; it must have at least one character")
    try:
        quoted = quote(component, safe="")
    except UnicodeEncodeError as error:
        raise BadKey(f"{component!r} is not text that UTF-8 can hold") from error
    if quoted.startswith("_"):
        return "%5F" + quoted[1:]
    if quoted in {".", ".."}:
        return quoted.replace(".", "%2E")
    return quoted


@dataclass(frozen=True)
class Collection(Generic[D]):
    """The keys of one kind of record: `<path>/<components[0]>/<components[1]>/…`."""

    path: str
    components: tuple[str, ...]
    record: type[D]

    def key(self, *parts: str | int) -> str:
        """The key of one record; takes one value for each of `components`."""
        if len(parts) != len(self.components):
            raise BadKey(f"{self.path} takes {'/'.join(self.components)}, not {parts!r}")
        return "/".join((self.path, *(escape(str(part)) for part in parts)))

    def under(self, *parts: str | int) -> str:
        """The prefix, ending in `/`, of every key that begins with these components."""
        if len(parts) >= len(self.components):
            raise BadKey(f"{self.path} takes fewer than {len(self.components)} components, not {parts!r}")
        return "/".join((self.path, *(escape(str(part)) for part in parts), ""))

    def parse(self, key: str) -> tuple[str, ...]:
        """The components of a key; raises `BadKey` for another collection's."""
        head, parts = key[: len(self.path) + 1], key[len(self.path) + 1 :].split("/")
        if head != self.path + "/" or len(parts) != len(self.components) or not all(parts):
            raise BadKey(f"{key!r} is not {self.path}/{'/'.join(self.components)}")
        *shared, own = map(unquote, parts)
        found = (*map(intern, shared), own)  # all but the last one stand in many keys
        if self.key(*found) != key:
            raise BadKey(f"{key!r} is not written as its components are: {self.key(*found)!r}")
        return found


class Keyspace:
    """The platform's collections below one prefix (default `/deis`)."""

    def __init__(self, prefix: str = "/deis") -> None:
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise BadKey(f"the key prefix {prefix!r} must begin with '/' and not end with one")
        self.prefix = prefix

        def collection(name: str, record: type[D], *components: str) -> Collection[D]:
            return Collection(f"{prefix}/{name}", components, record)

        self.platform = collection("platform", records.PlatformSetting, "name")
        self.users = collection("users", records.User, "name")
        self.tokens = collection("tokens", records.Token, "sha256")
        self.keys = collection("keys", records.SshKey, "sha256")
        self.certs = collection("certs", records.Cert, "common_name")
        self.apps = collection("apps", records.App, "app")
        self.builds = collection("builds", records.Build, "app_uuid", "uuid")
        self.releases = collection("releases", records.Release, "app_uuid", "number")
        self.rollouts = collection("rollouts", records.Rollout, "app_uuid", "number")
        self.domains = collection("domains", records.Domain, "fqdn")
        self.nodes = collection("nodes", records.Node, "node")
        self.instances = collection("instances", records.Instance, "node", "app", "instance")
        self.health = collection("health", records.Health, "node", "app", "instance")
        self.retiring = collection("retiring", records.Retiring, "node", "app", "instance")
        self.services = collection("services", records.Service, "app", "instance")
        self.log_ends = collection("log_ends", records.LogEnd, "node", "app", "instance")
        self.routers = collection("routers", records.Router, "router")
        self.mesh = collection("mesh", records.MeshMember, "service", "id")
        self.events = collection("events", records.Event, "app_uuid", "id")
        self.drains = collection("drains", records.Drain, "scope", "id")
        self.drain_states = collection("drain_states", records.DrainState, "id", "logger")
        self.tickets = collection("tickets", records.Ticket, "sha256")
        self.leaders = collection("leaders", records.Leader, "role")

    def collections(self) -> dict[str, Collection[Document]]:
        """Every collection by its name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Collection)}
