"""When a planned instance is asked of the engine. Pure."""

from __future__ import annotations

from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.steps import Start
from services.controller.deployer.view import View


def start(view: View, draft: Rollout, entry: Planned, out: Intentions) -> None:
    """Ask for it where it does not run, once the store has it under our own epoch.

    An entry that is not in the store yet waits for the next look. One that was refused, or that does not run although
    its start was answered, is asked for again after a while.
    """
    filed = view.rollouts.get(draft.release)
    if filed is None or filed.document.epoch != view.epoch or entry.id not in _ids(filed.document):
        return
    instance = view.here.get(entry.id)
    if instance is not None and instance.state not in {"created", "exited", "dead"}:
        return
    key = f"instance/{entry.id}"
    refusal, tried = view.refused.get(key), view.tried.get(entry.id)
    last = refusal.at if refusal else tried if instance is not None and instance.state == "created" else None
    if last is not None and view.now < last + view.policy.retry:
        out.look_at(last + view.policy.retry)
        return
    out.add(Start(draft.release, entry))


def _ids(record: Rollout) -> frozenset[str]:
    return frozenset(entry.id for entry in record.planned)
