"""A router in values: what its HAProxy does with each instance, and what its daemon said of it last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from libs.keyspace.records import RouterView
from services.controller.deployer.view import RouterWord


@dataclass
class Proxy:
    """One router. While its daemon is away, HAProxy goes on as it was told last."""

    id: str
    node: str
    present: bool = True
    rotation: set[str] = field(default_factory=set)  # ids that get new requests
    ever: set[str] = field(default_factory=set)  # ids that once did
    suspects: dict[str, datetime] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)  # in flight, without WebSockets
    websockets: dict[str, int] = field(default_factory=dict)
    said: dict[str, RouterView] = field(default_factory=dict)

    def apply(self, ready: Iterable[str], retiring: Iterable[str], concerned: Iterable[str]) -> None:
        """Do as the records say, and say so, if the daemon is there."""
        if not self.present:
            return
        out = set(retiring)
        self.rotation = set(ready) - out - self.suspects.keys()
        self.ever |= self.rotation
        self.said = {id_: self._view(id_, id_ in out) for id_ in {*concerned, *out, *self.suspects}}
        self.said = {id_: view for id_, view in self.said.items() if view.state != "gone" or id_ in out}

    def _view(self, id_: str, retires: bool) -> RouterView:
        requests, websockets = self.requests.get(id_, 0), self.websockets.get(id_, 0)
        if retires:
            state = "draining" if requests or websockets else "gone"
            return RouterView(state=state, in_flight=requests + websockets, websockets=websockets)
        if id_ in self.suspects:
            return RouterView(state="suspect", since=self.suspects[id_], reason="it refused a connection")
        return RouterView(
            state="in_rotation" if id_ in self.rotation else "gone",
            in_flight=requests + websockets,
            websockets=websockets,
        )

    def forget(self, id_: str) -> None:
        """The instance ended, and every connection to it."""
        for held in (self.requests, self.websockets, self.suspects):
            held.pop(id_, None)
        self.rotation.discard(id_)

    def word(self) -> RouterWord:
        return RouterWord(self.id, self.node, self.present, dict(self.said))
