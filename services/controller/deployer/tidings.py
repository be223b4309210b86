"""What a write of the wanted release's record tells: alarms that began or ended, instances that were replaced. Pure.

It is told by whoever wrote it, from the difference to what was written before: once, whoever leads.
"""

from __future__ import annotations

from libs.keyspace.records import Alarm, Rollout
from services.controller.deployer.alarms import former, plain
from services.controller.deployer.steps import Happening
from services.controller.deployer.view import View


def tidings(view: View, document: Rollout) -> tuple[Happening, ...]:
    """The events of this write, in order; `view` is what it was planned from."""
    if document.release != view.app.release:
        return ()
    before, after = former(view), document.alarms
    known = {(alarm.kind, alarm.about) for alarm in before.values()}  # who takes a place takes the alarm over with it
    began = [alarm for _, alarm in sorted(after.items()) if (alarm.kind, alarm.about) not in known]
    ended = [alarm for key, alarm in sorted(before.items()) if key not in after and _is_there(view, key)]
    told = [
        *(Happening(alarm.kind, alarm.message, document.release) for alarm in began),
        *(Happening("replaced", words, document.release) for words in _replaced(view, document)),
        *(Happening("recovered", _recovered(alarm), document.release) for alarm in ended),
    ]
    return tuple(told)


def _is_there(view: View, key: str) -> bool:
    """What the alarm is about is still in use: alarms of what is gone end without a word."""
    return key in view.live or any(instance.identity.type == key for instance in view.live.values())


def _recovered(alarm: Alarm) -> str:
    match alarm.kind:
        case "crashed":
            return f"{alarm.about} runs and is ready again"
        case "unready":
            return f"{alarm.about} passes its readiness check again"
        case "not_live":
            return f"{alarm.about} is live again"


def _replaced(view: View, document: Rollout) -> list[str]:
    """Whose place was taken: entries that replaced an instance, and have nothing to replace any more."""
    filed = view.rollouts.get(document.release)
    now = {entry.id: entry for entry in document.planned}
    said = []
    for entry in filed.document.planned if filed else ():
        if entry.replaces in view.here and entry.id in now and not now[entry.id].replaces:
            alarm = former(view).get(entry.replaces)
            known = alarm is not None and alarm.kind == "not_live"
            what = plain(alarm.message) if alarm and known else f"{entry.type}.{entry.number} was not live"
            in_place = entry.id not in view.here and entry.replaces in view.retiring
            said.append(f"{what} and was replaced{_why_in_place(view) * in_place}")
    return said


def _why_in_place(view: View) -> str:
    return " in place: there is no room for both" if view.surge(1) else " in place, as the app's surge of 0 wants"
