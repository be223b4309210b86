"""What the routers say of a retiring instance, and what follows: is it withdrawn, spent, may it be stopped? Pure.

Two times bound the wait: one for requests, one for WebSockets. A router that is away, or says nothing, or still sends
traffic, cannot tell: that counts as requests in flight while there is time for them, and as nothing afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from libs.engine import Instance
from libs.keyspace.records import Retiring
from services.controller.deployer.view import UP, View

WITHDRAWN = frozenset({"draining", "gone", "suspect"})


@dataclass(frozen=True, slots=True)
class Flight:
    """What is in flight at an instance, by the word of all routers with a veto."""

    gone: bool  # every router has nothing of it any more
    told: bool  # every router told what is left, and sends it nothing new
    heard: bool  # some router told
    requests: int  # WebSockets not counted
    websockets: int

    @property
    def quiet(self) -> bool:
        """It is known that no request is in flight, and that none will come."""
        return self.told and not self.requests


def flight(view: View, instance: Instance) -> Flight:
    """What is in flight at it. One without a port never had anything."""
    if instance.port is None:
        return Flight(gone=True, told=True, heard=False, requests=0, websockets=0)
    told, gone, heard = bool(view.routers), bool(view.routers), False
    requests = websockets = 0
    for router in view.routers:
        seen = router.instances.get(instance.identity.id)
        if seen is not None and seen.state == "gone":
            heard = True
            continue
        gone = False
        if seen is None or not router.present:
            told = False
            continue
        heard = True
        told = told and seen.state in WITHDRAWN
        requests += max(0, seen.in_flight - seen.websockets)
        websockets += seen.websockets
    return Flight(gone, told, heard, requests, websockets)


def may_stop(view: View, instance: Instance, record: Retiring, *, hasty: bool = False) -> bool:
    """Whether nothing is left that it has to be kept for; `hasty` waits for requests alone."""
    left = flight(view, instance)
    if left.gone:
        return True
    for_websockets = record.websocket_deadline or record.deadline
    if view.now < record.deadline and not left.quiet:
        return False
    if hasty or view.now >= for_websockets:
        return True
    return view.now >= record.deadline and not left.websockets


def spent(view: View, instance: Instance, record: Retiring) -> bool:
    """It has no requests in flight, nor time for them: it lingers for WebSockets, or is about to be stopped."""
    return view.now >= record.deadline or flight(view, instance).quiet


def waits_until(view: View, record: Retiring) -> Iterable[datetime]:
    """When to look at it again."""
    return [at for at in (record.deadline, record.websocket_deadline) if at is not None and at > view.now]


def keeping(view: View, instance: Instance) -> list[str]:
    """The routers that have not withdrawn this retiring instance, if it is up at all."""
    if instance.port is None or instance.state not in UP:
        return []
    if not view.routers:
        return ["a router (none is present)"]
    return [
        f"router {router.id}" if router.present else f"router {router.id} (away)"
        for router in view.routers
        if (seen := router.instances.get(instance.identity.id)) is None or seen.state not in WITHDRAWN
    ]
