"""Which addresses the mesh may use: instances, verdicts and retirements in, services records out. No I/O."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from libs.keyspace.records import ROUTED_TYPES, Health, Instance, Service

Key = tuple[str, str]  # app, instance id


@dataclass(frozen=True, slots=True)
class Seen:
    """The node's instances. Only where `complete` (the engine's own full answer) does absence mean gone.

    `ended` are those whose run is over, whatever their record says.
    """

    instances: Mapping[Key, Instance]
    complete: bool
    ended: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Claims:
    """What this node's publisher should have written: records by key, and those to withdraw, each with its reason."""

    wanted: dict[Key, Service] = field(default_factory=dict)
    withdrawn: dict[Key, str] = field(default_factory=dict)


def wanted_services(  # noqa: PLR0913 - every fact that it rests on, named
    *,
    node: str,
    seen: Seen,
    verdicts: Mapping[Key, Health],
    retiring: Container[Key],
    published: Mapping[Key, Service],
    now: datetime,
) -> Claims:
    """The claims of `node`, given what is published by every node.

    An address is claimed once its instance was first ready in its present run, and until the run ends or the instance
    retires; in between the claim says whether it is ready, and since when a router's suspicion is answered. One that is
    not live is claimed as well: the deployer makes it retire. What is unknown stays as it is.
    """
    claims = Claims()
    for key, instance in seen.instances.items():
        old = published.get(key)
        mine = old if old is not None and old.node == node else None
        if key in seen.ended:
            claim: Service | str = "its process has ended"
        else:
            claim = claim_of(instance, verdicts.get(key), key in retiring, mine, now)
        if isinstance(claim, Service):
            claims.wanted[key] = claim
        elif mine is not None:
            claims.withdrawn[key] = claim
    for key, old in published.items():
        if old.node == node and key not in seen.instances:
            if seen.complete:
                claims.withdrawn[key] = "the engine has it no more"
            else:
                claims.wanted[key] = old
    _evict(claims, published)
    return claims


def claim_of(
    instance: Instance, verdict: Health | None, retiring: bool, old: Service | None, now: datetime
) -> Service | str:
    """The claim that an instance has to its address, or the reason why it has none."""
    if instance.once or instance.type not in ROUTED_TYPES or instance.port is None or instance.address is None:
        return "it has no address to route to"
    if instance.state != "running":
        exit_ = "" if instance.exit_code is None else f", last exit {instance.exit_code}"
        return f"it is {instance.state}{exit_}"
    if retiring:
        return "it is retiring"
    if old is not None and (old.address, old.port) != (instance.address, instance.port):
        old = None  # another address is another claim
    if old is not None and old.run is not None and old.run != instance.started:
        old = None  # what was published is of an earlier run
    known = verdict if verdict is not None and verdict.run == instance.started else None
    ready = known.ready if known is not None else old is not None and old.ready
    confirmed = known.confirmed if known is not None else old.confirmed if old is not None else None
    if old is None and not ready:
        return "it has not passed its check in this run yet"
    return Service(
        app=instance.app,
        instance=instance.id,
        node=instance.node,
        type=instance.type,
        number=instance.number,
        release=instance.release,
        address=instance.address,
        port=instance.port,
        ready=ready,
        published=old.published if old is not None else now,
        run=instance.started,
        confirmed=confirmed,
    )


def _evict(claims: Claims, published: Mapping[Key, Service]) -> None:
    """Leave each address to its newest claimant; one not made yet is as old as its run."""
    rivals: dict[str, list[tuple[datetime, Key]]] = {}
    for key, record in published.items():
        if key not in claims.withdrawn:
            rivals.setdefault(record.address, []).append((record.published, key))
    kept = {key for key, claim in claims.wanted.items() if _stands(claim, published.get(key))}
    for key in sorted(claims.wanted, key=lambda key: (key in kept, key)):
        claim = claims.wanted[key]
        run = claim.run if claim.run is not None else claim.published
        since = claim.published if key in kept else min(run, claim.published)
        newer = [
            other for began, other in rivals.get(claim.address, ()) if other != key and (began, other) > (since, key)
        ]
        if newer:
            del claims.wanted[key]
            if key in published and published[key].node == claim.node:
                claims.withdrawn[key] = f"its address {claim.address} was claimed by {'/'.join(newer[-1])} since"
        elif key not in kept:
            rivals.setdefault(claim.address, []).append((claim.published, key))


def _stands(claim: Service, record: Service | None) -> bool:
    """It was published before, and is still the same claim."""
    return record is not None and (record.node, record.published) == (claim.node, claim.published)
