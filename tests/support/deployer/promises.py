"""What the deployer promises, told from a world's facts and not from the deployer's own reading of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from libs.engine import Instance
from libs.keyspace.records import AppSettings, Planned, Retiring
from services.controller.deployer.slots import wanted_counts
from tests.support.deployer.proxy import Proxy

UP = {"running", "restarting"}
EXCUSED = ("its successor had its time", " failed")
"""Reasons of those that go although nobody serves in their place: its successor had the time that a new one has; it is
a failed rollout's own."""


class Broken(AssertionError):
    """The deployer did what it must never do."""


@dataclass
class Promises:
    """Remembers how many served of each type before the deployer's present work, chance's losses taken off."""

    floor: dict[str, int] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)  # type by the id of each that served

    def begin(self, serving: Mapping[str, str]) -> None:
        """The user wants something new."""
        self.floor, self.last = dict(Counter(serving.values())), dict(serving)

    def befell(self, serving: Mapping[str, str]) -> None:
        """Chance was at work since the last look; whom it took is not the deployer's doing."""
        for type_, lost in Counter(of for id_, of in self.last.items() if id_ not in serving).items():
            self.floor[type_] = max(0, self.floor.get(type_, 0) - lost)
        self.last = dict(serving)

    def retired(self, instance: Instance, reason: str, serving: Mapping[str, str], wanted: Mapping[str, int]) -> None:
        """An instance was told to go; `serving` is without it."""
        type_ = instance.identity.type
        before, now = Counter(self.last.values())[type_], Counter(serving.values())[type_]
        self.last = dict(serving)
        if now >= before:
            return
        if any(reason.endswith(excuse) for excuse in EXCUSED):
            self.floor[type_] = min(self.floor.get(type_, 0), now)  # nor is who goes later to make up for it
            return
        least = min(wanted.get(type_, 0), self.floor.get(type_, 0)) - ("in place" in reason)
        if now < least:
            raise Broken(f"{instance.name} retires ({reason}): {now} {type_} serve, and {least} did before")


def surge_of(settings: AppSettings, count: int, share: float) -> int:
    """The rule in other words than the deployer's."""
    text = settings.surge
    if text is None:
        return max(1, math.ceil(count * share))
    return -(-count * int(text[:-1]) // 100) if text[-1] == "%" else int(text)


def pressing(record: Retiring, id_: str, proxies: list[Proxy], now: datetime) -> bool:
    """A retiring instance has requests in flight, or time for them, by what the routers say."""
    if now >= record.deadline:
        return False
    for proxy in proxies:
        view = proxy.said.get(id_)
        if view is not None and view.state == "gone":
            continue
        if view is None or not proxy.present or view.state == "in_rotation" or view.in_flight > view.websockets:
            return True
    return not proxies


def may_stop(record: Retiring, id_: str, proxies: list[Proxy], now: datetime) -> bool:
    """It may be stopped, by what the routers say."""
    views = [proxy.said.get(id_) for proxy in proxies]
    if views and all(view is not None and view.state == "gone" for view in views):
        return True
    if pressing(record, id_, proxies, now):
        return False
    linger = any(
        view is not None and view.websockets and proxy.present for view, proxy in zip(views, proxies, strict=True)
    )
    assert record.websocket_deadline is not None
    return now >= record.websocket_deadline or (now >= record.deadline and not linger)


@dataclass
class Crowd:
    """The instances of one type when new ones are planned."""

    planned: list[Planned]
    up: list[Instance]
    retiring: Mapping[str, Retiring]
    proxies: list[Proxy]
    now: datetime

    def check(self, type_: str, count: int, surge: int) -> int:
        """Raises `Broken` where there are more than may be; answers how many there are by the rule."""
        bound = count + surge
        planned = {entry.id for entry in self.planned if not entry.replaces}
        live = {i.identity.id for i in self.up if i.identity.id not in self.retiring}
        leaving = [i.identity.id for i in self.up if i.identity.id in self.retiring and i.identity.id not in planned]
        portless = {i.identity.id for i in self.up if i.port is None}
        pressed = [
            id_ for id_ in leaving if id_ not in portless and pressing(self.retiring[id_], id_, self.proxies, self.now)
        ]
        counted = len(planned | live) + len(pressed)
        if counted > bound:
            raise Broken(f"{counted} {type_} are up or planned, where {count} and a surge of {surge} may be")
        if len(planned | live) + len(leaving) > 2 * bound:
            raise Broken(f"{len(planned | live)} {type_} and {len(leaving)} that linger, twice {bound} may be")
        return counted


def wanted(formation: Mapping[str, int], build: object) -> dict[str, int]:
    """How many of each type the app wants now."""
    return wanted_counts(formation, build) if build is not None else {}  # type: ignore[arg-type]
