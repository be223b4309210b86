"""The routers whose word counts: those that are present, and those that vanished without leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.keyspace.records import Router
from services.controller.deployer.view import RouterWord


@dataclass(frozen=True, slots=True)
class _Known:
    node: str
    last: Router | None  # what it said last; None: known from a rollout's record only
    gone: datetime | None = None


class Routers:
    """Remembers routers beyond their leases: HAProxy goes on serving while its router daemon is away.

    One whose lease is gone keeps its veto while its node is present, else for `veto`. Another router that is present on
    its node speaks for that node's HAProxy in its place.
    """

    def __init__(self, veto: timedelta) -> None:
        self._veto = veto
        self._known: dict[str, _Known] = {}
        self._ever: set[str] = set()  # a record's word on one of these is older than ours

    def recall(self, routers: Mapping[str, str]) -> None:
        """Know these (id to node) from a record of an earlier leader's."""
        for id_, node in routers.items():
            if id_ not in self._ever:
                self._ever.add(id_)
                self._known[id_] = _Known(node, None)

    def words(self, present: Mapping[str, Router], nodes: Iterable[str], now: datetime) -> tuple[RouterWord, ...]:
        """Every router with a veto, sorted by id; those that lost theirs are forgotten."""
        standing = set(nodes)
        spoken_for = {router.node for router in present.values()}
        for id_, router in present.items():
            self._known[id_] = _Known(router.node, router)
        self._ever |= present.keys()
        for id_, known in list(self._known.items()):
            if id_ in present:
                continue
            gone = known.gone or now
            self._known[id_] = _Known(known.node, known.last, gone)
            expired = known.node not in standing and now >= gone + self._veto
            if known.node in spoken_for or expired:
                del self._known[id_]
        return tuple(
            RouterWord(id_, known.node, id_ in present, known.last.instances if known.last else {})
            for id_, known in sorted(self._known.items())
        )
