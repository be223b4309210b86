"""What is wrong with what runs: the alarms of an app's present rollout, from one picture of it. Pure.

The record is their memory: an alarm begins and ends with a write of it, and that write tells so (see `tidings`). What
is not known neither begins nor ends one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Alarm, Planned, Rollout
from services.controller.deployer.healing import waits
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.steps import Quote
from services.controller.deployer.view import View, title

MOST = 20  # alarms in a record
STEADY = timedelta(seconds=30)  # ready for so long: a crash is over
HEALED = timedelta(minutes=1)  # live and ready for so long: one that took another's place will do
QUOTED_WITHIN = timedelta(minutes=1)  # of the alarm; what has said nothing by then is taken for silent
REWORDED_EVERY = timedelta(seconds=30)  # where only its numbers changed


def with_alarms(view: View, draft: Rollout, out: Intentions) -> Rollout:
    """The draft with what is wrong now. What it starts anew is judged by its rollout, and raises none."""
    before = former(view)
    standing_in = {entry.replaces for entry in draft.planned} & view.here.keys()
    kept = {entry.id for entry in draft.planned if entry.established} | standing_in
    found = {id_: before[id_] for id_ in standing_in & before.keys() & view.retiring.keys()}
    struck = {entry.id: entry for entry in draft.planned if entry.strikes and not entry.replaces}
    times = {entry.replaces or entry.id: entry.strikes - bool(entry.replaces) for entry in draft.planned}
    inherited = _inherited(view, struck, before)
    found |= {id_: alarm for id_, alarm in inherited.items() if id_ not in view.here}
    for id_, instance in view.live.items():
        old = before.get(id_) or inherited.get(id_)
        alarm = _present(view, instance, old)
        if alarm is None and old and not _is_over(view, instance, _proof(old, id_, struck, standing_in), out):
            runs_again = old.kind == "crashed" and instance.state == "running"
            alarm = _crash(view, instance, old) if runs_again else old
        if alarm and (old or id_ in kept or instance.identity.release != draft.release):
            since = old.since if old and old.kind == alarm.kind else alarm.since
            found[id_] = _counted(alarm.changed(since=since), times.get(id_, 0))
    for type_, members in _by_type(view.live.values()).items():
        alarm = _unready(view, type_, members) or before.get(type_)
        if alarm and not any(view.ready(instance) for instance in members):
            found[type_] = alarm
    shown = {key: _reworded(view, before.get(key), alarm, out) for key, alarm in _foremost(found, before).items()}
    return draft.changed(alarms={key: _quoted(view, key, alarm, out) for key, alarm in sorted(shown.items())})


def former(view: View) -> Mapping[str, Alarm]:
    """The alarms as they were written last: in the record of the rollout that the app went by last."""
    records = [filed.document for filed in view.rollouts.values()]
    last = max(records, key=lambda record: (record.intent, record.release), default=None)
    return last.alarms if last else {}


def plain(message: str) -> str:
    """An alarm's message without what is counted behind it."""
    return message.partition("; and ")[0].partition("; replaced ")[0]


def head(message: str) -> str:
    """What an alarm's message says first: while that stays, only its numbers have changed."""
    return message.partition(";")[0]


def _present(view: View, instance: Instance, old: Alarm | None) -> Alarm | None:
    """What is wrong with the instance at this moment."""
    if wrong := view.not_live(instance):
        verdict = view.verdict(instance)
        never = verdict is not None and not verdict.started
        what = wrong if never else f"failed its liveness check ({wrong})"
        return Alarm(kind="not_live", about=title(instance), since=view.now, message=f"{title(instance)} {what}")
    return _crash(view, instance, old) if _has_crashed(view, instance) else None


def _inherited(view: View, struck: Mapping[str, Planned], before: Mapping[str, Alarm]) -> dict[str, Alarm]:
    """By id of those that took the place of one that was not live: its alarm, until they have proved better."""
    of = {alarm.about: alarm for alarm in before.values() if alarm.kind == "not_live"}
    found = ((id_, of.get(f"{entry.type}.{entry.number}")) for id_, entry in struck.items() if id_ not in view.retiring)
    return {id_: alarm for id_, alarm in found if alarm is not None}


def _counted(alarm: Alarm, times: int) -> Alarm:
    """With how often its slot's instance was replaced, and what the next one has to wait for."""
    if alarm.kind != "not_live" or not times:
        return alarm
    how_often = f"replaced {times} time{'s' * (times != 1)}"
    pause = f"{waits(times).total_seconds():g} s"
    return alarm.changed(message=f"{plain(alarm.message)}; {how_often}, the next time {pause} after the last")


def _crash(view: View, instance: Instance, old: Alarm | None) -> Alarm:
    """That it exited, with how often by now; the engine tells why only until it runs again."""
    why = instance.reason or f"exited with code {instance.exit_code}"
    what = f"{title(instance)} crashed ({why}) and is started again"
    if instance.state == "running" and old and old.kind == "crashed":
        what = head(old.message)
    times = f"; {instance.restarts} restart{'s' * (instance.restarts != 1)}" if instance.restarts else ""
    return Alarm(kind="crashed", about=title(instance), since=view.now, message=f"{what}{times}")


def _has_crashed(view: View, instance: Instance) -> bool:
    """It exited, and its present run is known not to have passed yet."""
    if instance.state == "restarting":
        return True
    verdict = view.verdict(instance)
    return instance.restarts > 0 and instance.state == "running" and verdict is not None and not verdict.started


def _proof(alarm: Alarm, id_: str, struck: Collection[str], standing_in: Collection[str]) -> timedelta | None:
    """How long it has to be ready until the alarm is over; None: that it is live is enough."""
    if alarm.kind == "crashed":
        return STEADY
    return HEALED if id_ in struck else timedelta() if id_ in standing_in else None


def _is_over(view: View, instance: Instance, proof: timedelta | None, out: Intentions) -> bool:
    """It is known to be."""
    verdict = view.verdict(instance)
    if verdict is None or instance.state != "running" or not verdict.live:
        return False
    if proof is None or not verdict.ready:
        return proof is None
    steady = verdict.since + proof
    if view.now < steady:
        out.look_at(steady)
    return view.now >= steady


def _by_type(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = {}
    for instance in sorted(instances, key=lambda one: (one.identity.type, one.identity.number, one.identity.id)):
        found.setdefault(instance.identity.type, []).append(instance)
    return found


def _unready(view: View, type_: str, members: list[Instance]) -> Alarm | None:
    """The alarm of a type of which all run and none is ready, by their present runs' verdicts, though one was."""
    verdicts = [view.verdict(instance) for instance in members if instance.state == "running"]
    known = [verdict for verdict in verdicts if verdict is not None and not verdict.ready]
    if len(known) < len(members) or not any(verdict.started for verdict in known):
        return None
    use = f"; {f'all {len(members)} stay' if len(members) > 1 else 'it stays'} in use"
    routed = any(instance.port is not None for instance in members)
    reason = next((verdict.reason for verdict in known if verdict.reason), "")
    message = f"no instance of {type_} passes its readiness check{use * routed}{f': {reason}' if reason else ''}"
    return Alarm(kind="unready", about=type_, since=view.now, message=message)


def _foremost(found: Mapping[str, Alarm], before: Mapping[str, Alarm]) -> dict[str, Alarm]:
    """As many as a record holds, those first that are in it; the last one says how many more there are."""
    order = sorted(found, key=lambda key: (key not in before, key))
    shown = {key: found[key] for key in order[:MOST]}
    more = len(order) - MOST
    if more > 0:
        last = order[MOST - 1]
        shown[last] = shown[last].changed(message=f"{shown[last].message}; and {more} more alarms")
    return shown


def _reworded(view: View, old: Alarm | None, new: Alarm, out: Intentions) -> Alarm:
    """The alarm as it is to be written: its numbers, which may change at each restart, only now and then."""
    if old is None or old.kind != new.kind:
        return new
    if head(old.message) != head(new.message):
        return new.changed(since=old.since)
    due = view.alarmed + REWORDED_EVERY if view.alarmed else view.now
    if old.message != new.message and view.now < due:
        out.look_at(due)
        return old
    return old.changed(message=new.message)


def _quoted(view: View, key: str, alarm: Alarm, out: Intentions) -> Alarm:
    """With the last lines of the instance that crashed, once they were read."""
    if alarm.kind != "crashed" or alarm.last_lines:
        return alarm
    quote = view.quoted.get(key)
    if quote is not None and quote.about == head(alarm.message):
        again = quote.at + view.policy.retry
        if quote.lines or again > alarm.since + QUOTED_WITHIN:
            return alarm.changed(last_lines=quote.lines)
        if view.now < again:  # the engine gives none of a container that it is just starting again
            out.look_at(again)
            return alarm
    out.add(Quote(key, view.here[key].name, head(alarm.message)))
    return alarm
