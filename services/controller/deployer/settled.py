"""What is kept true of a rollout that is over: its instances are there and live, nothing else runs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import entry_for, mark_running, vanished
from services.controller.deployer.endings import retire
from services.controller.deployer.healing import heal
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.rolling import write
from services.controller.deployer.starting import start
from services.controller.deployer.steps import Retire
from services.controller.deployer.view import View


def keep(view: View, record: Rollout, out: Intentions, fresh: Callable[[], str]) -> None:
    """Replace what vanished or is not live, start again what was stopped by hand, retire what nobody planned.

    A replacement is not judged as a rollout's new instance is: its like ran before, and the engine restarts it.
    A failed rollout is not tried again; what it did itself is taken away, and what an earlier success left is kept.
    """
    entries = [mark_running(view, _present(view, record, entry, fresh)) for entry in record.planned]
    healing = heal(view, record.release, [entry for entry in entries if entry.id not in view.retiring], fresh, out)
    kept = record.changed(planned=healing.entries)
    filed = view.rollouts.get(record.release)
    if filed is None or kept != filed.document or _something_to_start(view, kept.planned):
        kept = kept.changed(epoch=view.epoch)
    write(view, kept, out)
    for entry in kept.planned:
        if entry.id not in healing.held:
            start(view, kept, entry, out)
    for instance, reason in healing.leaving:
        retire(view, out, instance, reason)
    _retire_unplanned(view, kept, out)


def _present(view: View, record: Rollout, entry: Planned, fresh: Callable[[], str]) -> Planned:
    """The entry, or one of a new id in its place when its instance ran and is gone: ids are never used twice."""
    if not vanished(view, entry):
        return entry
    new = entry_for(view, record.release, (entry.type, entry.number), fresh())
    return new.changed(established=True, generation=entry.generation, replaces=entry.replaces, strikes=entry.strikes)


def _something_to_start(view: View, entries: Iterable[Planned]) -> bool:
    return any(
        (instance := view.here.get(entry.id)) is None or instance.state in {"created", "exited", "dead"}
        for entry in entries
    )


def _retire_unplanned(view: View, record: Rollout, out: Intentions) -> None:
    """Whoever is neither planned, nor stands in for one that is, nor retires already."""
    planned = {(entry.type, entry.number): entry for entry in record.planned}
    known = {entry.id for entry in record.planned} | {entry.replaces for entry in record.planned}
    known |= {step.instance for step in out.steps if isinstance(step, Retire)}
    for id_, instance in sorted(view.live.items()):
        counterpart = planned.get((instance.identity.type, instance.identity.number))
        if id_ not in known and _is_unneeded(view, record, instance, counterpart):
            failed = record.phase == "failed"
            retire(view, out, instance, f"v{record.release} failed" if failed else "not planned")


def _is_unneeded(view: View, record: Rollout, instance: Instance, counterpart: Planned | None) -> bool:
    """It can go: after a failure what the rollout itself had started, else what no entry needs as a stand-in."""
    if record.phase == "failed":
        return instance.identity.release == record.release
    if counterpart is None or view.unready(instance) or counterpart.replaces in view.live:
        return True
    there = view.live.get(counterpart.id)
    return there is not None and view.ready(there)
