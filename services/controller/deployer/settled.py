"""What is kept true of a rollout that is over: its instances are there, nothing else runs. Pure."""

from __future__ import annotations

from collections.abc import Callable

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import entry_for, mark_running, vanished
from services.controller.deployer.endings import retire
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.rolling import write
from services.controller.deployer.starting import start
from services.controller.deployer.steps import Happening, TellCrash
from services.controller.deployer.view import View, title


def keep(view: View, record: Rollout, out: Intentions, fresh: Callable[[], str]) -> None:
    """Replace what vanished, start again what was stopped by hand, retire what nobody planned.

    A replacement is not judged as a rollout's new instance is: its like ran before, and the engine restarts it.
    A failed rollout is not tried again; only what it did itself is taken away.
    """
    entries = [mark_running(view, _present(view, record, entry, fresh)) for entry in record.planned]
    entries = [entry for entry in entries if entry.id not in view.retiring]
    kept = record.changed(planned=tuple(entries))
    if kept != record or _something_to_start(view, entries):
        kept = kept.changed(epoch=view.epoch)
    write(view, kept, out)
    for entry in entries:
        start(view, kept, entry, out)
    planned = {(entry.type, entry.number): entry for entry in entries}
    ids = {entry.id for entry in entries}
    for id_, instance in sorted(view.live.items()):
        if id_ in ids:
            _tell_crash(view, instance, out)
        elif _unplanned(view, record, instance, planned.get((instance.identity.type, instance.identity.number))):
            retire(view, out, instance, "not planned")


def _present(view: View, record: Rollout, entry: Planned, fresh: Callable[[], str]) -> Planned:
    """The entry, or one of a new id in its place when its instance ran and is gone: ids are never used twice."""
    if not vanished(view, entry):
        return entry
    slot = (entry.type, entry.number)
    return entry_for(view, record.release, slot, fresh()).changed(established=True, generation=entry.generation)


def _something_to_start(view: View, entries: list[Planned]) -> bool:
    return any(
        (instance := view.here.get(entry.id)) is None or instance.state in {"created", "exited", "dead"}
        for entry in entries
    )


def _unplanned(view: View, record: Rollout, instance: Instance, counterpart: Planned | None) -> bool:
    """It can go: after a failure what the rollout itself had started, else what no entry needs as a stand-in."""
    if record.phase == "failed":
        return instance.identity.release == record.release
    if counterpart is None or view.unready(instance):
        return True
    there = view.live.get(counterpart.id)
    return there is not None and view.ready(there)


def _tell_crash(view: View, instance: Instance, out: Intentions) -> None:
    """Tell once when it exits again and again."""
    crashed = instance.state == "restarting" or (instance.restarts > 0 and view.unready(instance))
    if crashed and instance.identity.id not in view.told:
        why = instance.reason or f"exited with code {instance.exit_code}"
        message = f"{title(instance)} crashed ({why}) and is started again"
        out.add(TellCrash(instance.identity.id, Happening("crashed", message, instance.identity.release)))
