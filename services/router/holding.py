"""When vanished records are believed: absence is not a verdict.

A fact ends by being deleted by its writer, so an endpoint whose record was deleted is withdrawn, and so are all
endpoints of one app, while others stand: the publisher saw its containers go, and keeping them would send users to
nothing, or after a while to another app's address.

It is otherwise when nothing at all is left: an emptied or wrongly restored store looks like this, and to believe it
would end every app's traffic. Then what an app had is held, until the app has an endpoint again or a record proves that
it should have none: the app is being destroyed, its formation has no web process, it is missing from a list of apps
that still has others, or each endpoint was named in `retiring/`. To hold costs little: a platform whose only instance
crashed answers 503 after three tries instead of at once.

The maps of hosts follow the same rule: a list of apps that went empty is held unless their destruction was seen, and a
list of users' domains that went empty is believed after a moment in which the list of apps did not follow it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from libs.keyspace.records import ROUTED_TYPES, App
from services.router.actual import Server

SECOND_LOOK = 2.0  # seconds between seeing that the last of users' domains went and believing it


@dataclass
class Holding:
    """What is held against the records. `destroying` remembers the apps that were seen on their way out."""

    servers: dict[str, dict[str, Server]] = field(default_factory=dict)  # app → its held servers
    hosts: bool = False
    destroying: set[str] = field(default_factory=set)
    _domains_gone: float | None = None

    def note(self, name: str, app: App | None) -> None:
        """Take in a changed record of an app."""
        if app is not None and app.state == "destroying":
            self.destroying.add(name)
        elif app is not None:
            self.destroying.discard(name)

    def decide(  # noqa: PLR0913 - what is judged, and the evidence
        self,
        app: str,
        published: Mapping[str, Server],
        serving: Mapping[str, Server],
        *,
        retiring: Container[str],
        endpoints: int,
        apps: Mapping[str, App],
    ) -> Mapping[str, Server]:
        """An app's servers: those published, or those held.

        `serving` are the servers that it has in rotation; `endpoints` counts the published endpoints of all apps.
        """
        had = {name: server for name, server in self.servers.get(app, serving).items() if name not in retiring}
        if published or not had or self._proven(app, apps) or (endpoints and app not in self.servers):
            self.servers.pop(app, None)
            return published
        self.servers[app] = had
        return had

    def hold_hosts(self, apps: Mapping[str, App], mapped: frozenset[str]) -> bool:
        """Whether the map of hosts stays as it is; `mapped` are the apps in it."""
        self.hosts = not apps and not mapped <= self.destroying
        return self.hosts

    def hold_domains(self, names: int, mapped: int, now: float) -> bool:
        """Whether users' domains stay as they are: `names` are recorded, `mapped` are in the map."""
        if names or not mapped:
            self._domains_gone = None
            return False
        if self._domains_gone is None:
            self._domains_gone = now
        return now - self._domains_gone < SECOND_LOOK

    def _proven(self, name: str, apps: Mapping[str, App]) -> bool:
        app = apps.get(name)
        if app is None:
            return bool(apps) or name in self.destroying
        return app.state == "destroying" or not any(app.formation.get(type_, 0) for type_ in ROUTED_TYPES)
