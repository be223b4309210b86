"""What is wrong with what runs: the alarms of an app's present rollout, from one picture of it. Pure.

The record is their memory: an alarm begins and ends with a write of it, and that write tells so (see `tidings`). What
is not known neither begins nor ends one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Alarm, Rollout
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.steps import Quote
from services.controller.deployer.view import View, title

MOST = 20  # alarms in a record
STEADY = timedelta(seconds=30)  # ready for so long: a crash is over
REWORDED_EVERY = timedelta(seconds=30)  # where only its numbers changed


def with_alarms(view: View, draft: Rollout, out: Intentions) -> Rollout:
    """The draft with what is wrong now. What it starts anew is judged by its rollout, and raises none."""
    before = former(view)
    standing_in = {entry.replaces for entry in draft.planned} & view.here.keys()
    kept = {entry.id for entry in draft.planned if entry.established} | standing_in
    found = {id_: before[id_] for id_ in standing_in & before.keys() & view.retiring.keys()}
    for id_, instance in view.live.items():
        old = before.get(id_)
        alarm = _present(view, instance, old)
        if alarm is None and old and not _is_over(view, instance, old, id_ in standing_in, out):
            runs_again = old.kind == "crashed" and instance.state == "running"
            alarm = _crash(view, instance, old) if runs_again else old
        if alarm and (old or id_ in kept or instance.identity.release != draft.release):
            found[id_] = alarm
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


def _is_over(view: View, instance: Instance, alarm: Alarm, stands_in: bool, out: Intentions) -> bool:
    """It is known to be; one that is being replaced must be ready as well."""
    verdict = view.verdict(instance)
    if verdict is None or instance.state != "running":
        return False
    if alarm.kind == "not_live":
        return verdict.live and (verdict.ready or not stands_in)
    steady = verdict.since + STEADY
    if verdict.ready and view.now < steady:
        out.look_at(steady)
    return verdict.ready and view.now >= steady


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
        return alarm.changed(last_lines=quote.lines)
    out.add(Quote(key, view.here[key].name, head(alarm.message)))
    return alarm
