"""What a rollout did and does, in lines to read. Times are told from when the release was first asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # brings pydantic
    from libs.client.api.apps import UnderWay
    from libs.client.api.releases import InstanceEvidence, Release, RouterEvidence

TITLE = re.compile(r"(.*?)\.?([0-9]*)")
ROUTED = ("web", "cmd")  # the process types that requests are sent to


def in_brief(rollout: UnderWay) -> str:
    """`v5 starting, waits for web.2 to start`."""
    waits = f", waits for {rollout.waiting}" if rollout.waiting else ""
    return f"{rollout.release} {rollout.phase}{waits}".strip()


def progress(release: Release) -> str:
    """Where the rollout stands: its phase, how many of the instances that were begun are ready, what it waits for."""
    coming = [one for one in release.instances or () if one.planned and not one.retired]
    ready = f"{sum(one.ready is not None for one in coming)}/{len(coming)} ready" if coming else ""
    waits = f"waits for {release.waiting}" if release.waiting and not release.settled else ""
    told = "; ".join(part for part in (ready, waits) if part)
    return f"{release.phase or '':<10}  {told}".rstrip()


def outcome(release: Release) -> str:
    """How the rollout ended, in one line."""
    name, reason = f"v{release.version}", release.reason or ""
    match release.phase:
        case "done":
            took = seconds_taken(release)
            return f"{name} is out" if took is None else f"{name} is out, {took:.3f}s after it was asked for"
        case "failed":
            return f"{name} failed: {reason or 'nobody knows why'}"
        case "cancelled":
            return f"{name} was {reason or 'cancelled'}"
        case "superseded":
            return f"{name} was superseded{f': {reason}' if reason else ''}"
        case _:
            return f"{name} has nothing to roll out"


def first_asked(release: Release) -> datetime | None:
    """When the release was asked for. `asked` is of its latest round: of a restart, a scale or the way back to it."""
    times = [at(release.asked), *(at(phase.began) for phase in release.evidence or ())]
    return min((time for time in times if time is not None), default=None)


def seconds_taken(release: Release) -> float | None:
    """From when its latest round was asked for until its last phase was over."""
    ends = [
        began.timestamp() + phase.seconds
        for phase in release.evidence or ()
        if phase.seconds is not None and (began := at(phase.began))
    ]
    asked = at(release.asked)
    return max(ends) - asked.timestamp() if ends and asked else None


def instance_lines(release: Release) -> Iterator[str]:
    """Each instance's course, and below it, set off, what its probes and the routers said."""
    asked = first_asked(release)
    for one in sorted(release.instances or (), key=_order):
        facts = [*_coming(one, asked), *_leaving(one, asked)]
        where = f" on {one.node}" if one.node else ""
        number = f" (v{str(one.release).removeprefix('v')})" if one.release is not None else ""
        yield f"{one.title}{number}{where}: {', '.join(facts) or 'planned'}"
        if one.probe:
            yield f"    last probe that failed: {one.probe}"
        for router, said in sorted(one.routers.items()):
            yield f"    router {router}: {', '.join(_said(said, asked)) or 'nothing'}"


def _order(one: InstanceEvidence) -> tuple[bool, str, int]:
    """Those that came before those that were there; then by type and number."""
    found = TITLE.fullmatch(one.title)
    return one.planned is None, found[1] if found else one.title, int(found[2] or 0) if found else 0


def _coming(one: InstanceEvidence, asked: datetime | None) -> Iterator[str]:
    probed = []
    if one.probes:
        probed.append(f"{one.probes} probe{'' if one.probes == 1 else 's'}")
    if one.took_seconds is not None:
        probed.append(f"the last took {one.took_seconds:.3f}s")
    told = ", ".join(probed)
    if one.started:
        yield f"running {offset(one.started, asked)}"
    if one.ready:
        yield f"ready {offset(one.ready, asked)}{f' ({told})' if told else ''}"
    elif told:
        yield f"not ready after {told}"
    if one.routed:
        yield f"in rotation {offset(one.routed, asked)}"


def _leaving(one: InstanceEvidence, asked: datetime | None) -> Iterator[str]:
    if one.retired:
        yield f"retired {offset(one.retired, asked)}{f' ({one.reason})' if one.reason else ''}"
    if one.drained:
        yield f"drained {offset(one.drained, asked)}"
    if one.stopped:
        yield f"stopped {offset(one.stopped, asked)} {_in_flight(one)}".rstrip()


def _in_flight(one: InstanceEvidence) -> str:
    """What was going on in an instance when it was told to stop."""
    if one.in_flight is None:
        of_routers = one.routers or one.title.partition(".")[0] in ROUTED  # no others have requests
        return "with no router's word on what was in flight" if of_routers else ""
    if not one.in_flight:
        return "with nothing in flight"
    return f"with {one.in_flight} in flight{f', {one.websockets} of them WebSockets' if one.websockets else ''}"


def _said(said: RouterEvidence, asked: datetime | None) -> Iterator[str]:
    for word, time in (("in rotation", said.routed), ("withdrawn", said.withdrawn), ("gone", said.gone)):
        if time:
            yield f"{word} {offset(time, asked)}"


def offset(time: str, asked: datetime | None) -> str:
    """`+1.250s` from when the change was asked for; the time itself where that is not known."""
    moment = at(time)
    return f"{(moment - asked).total_seconds():+.3f}s" if moment and asked else time


def at(time: str | None) -> datetime | None:
    """The API's time (RFC 3339); None for what is none."""
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
