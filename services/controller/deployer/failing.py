"""When a rollout has failed, why, and what the app goes back to. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import Crew, entry_for, in_order, retired_for, startup_seconds
from services.controller.deployer.evidence import with_evidence, with_leavers
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.serving import serving
from services.controller.deployer.steps import Fail, FlipBack, Happening, WriteRollout
from services.controller.deployer.takeup import closed, established
from services.controller.deployer.view import View, title


def judge(view: View, crew: Crew, out: Intentions) -> tuple[str, str] | None:
    """Why the rollout has failed, and the container that shows it; None while it may still succeed."""
    for _, entry in sorted(crew.current.items()):
        if entry.established:
            continue
        if refusal := view.refused.get(f"instance/{entry.id}"):
            return f"{entry.type}.{entry.number} cannot be started: {refusal.reason}", ""
        instance = view.live.get(entry.id)
        if instance and (reason := _fate(view, entry, instance, out)):
            return f"{title(instance)} {reason}", instance.name
    return None


def _fate(view: View, entry: Planned, instance: Instance, out: Intentions) -> str:
    """Why this new instance will not do; empty while it may."""
    limit = view.app.settings.startup_limit_seconds
    if never := _not_live(view, instance):
        return never
    if instance.restarts or instance.state in {"restarting", "exited", "dead"}:
        return instance.reason or f"exited with code {instance.exit_code}"
    if instance.state == "created":
        tried = view.tried.get(entry.id)
        if tried and view.now >= tried + timedelta(seconds=limit):
            return f"did not run within {limit:g} s"
        return ""
    return _overdue(view, entry, instance, out)


def _overdue(view: View, entry: Planned, instance: Instance, out: Intentions) -> str:
    """Its time to pass its check is over; empty while it is not. One that passed before has the limit again."""
    limit = view.app.settings.startup_limit_seconds
    verdict = view.verdict(instance)
    if verdict is None or verdict.ready or entry.deadline is None:
        return ""  # no word is not a verdict: its checker may be dead
    patience = max(entry.deadline, verdict.since + timedelta(seconds=limit)) if verdict.started else entry.deadline
    if view.now < patience:
        out.look_at(patience)
        return ""
    seconds = limit if verdict.started else startup_seconds(view, instance)
    return f"did not pass its check within {seconds:g} s: {verdict.reason}{_guessed(view, instance)}"


def _not_live(view: View, instance: Instance) -> str:
    """The checker's word that it is of no use; one that did not start in time says so itself."""
    reason, verdict = view.not_live(instance), view.verdict(instance)
    if not reason or verdict is None:
        return ""
    return f"failed its liveness check: {reason}" if verdict.started else f"{reason}{_guessed(view, instance)}"


def _guessed(view: View, instance: Instance) -> str:
    """What to do where the port that was checked is nobody's word: not the image's, not the config's."""
    filed = view.rollouts.get(instance.identity.release)
    if filed is None or filed.document.port is not None or instance.port != view.policy.default_port:
        return ""
    return (
        f"; the image exposes no port, so {instance.port} was tried: listen on $PORT, EXPOSE a port, "
        "or run it as another process type"
    )


def fail(view: View, out: Intentions, draft: Rollout, reason: str, name: str = "") -> None:
    """Write the reason down, so that any leader goes on with the failure and not with the rollout.

    What it waited for stays until it is settled: the phase's evidence says so.
    """
    failed = with_evidence(view, draft).changed(reason=reason)
    out.add(Fail(failed, _expect(view, draft.release), name))


def give_up(view: View, out: Intentions, draft: Rollout, fresh: Callable[[], str]) -> None:
    """The reason is written: point the app back at a release that ran, else leave it as it is, and settle."""
    release = draft.fallback
    if release is None:
        words = f"v{draft.release} failed: {draft.reason}"
        if draft.succeeded is not None:  # a restart, or a scale
            words = f"v{draft.release} could not be changed, and goes on: {draft.reason}"
        out.add(settle_failed(view, draft, words, left_behind(view, draft, fresh)))
        return
    kept = dict(view.app.formation)
    running = [i for i in view.live.values() if i.identity.release == release]
    for type_ in sorted({instance.identity.type for instance in running} - kept.keys()):
        kept[type_] = len({i.identity.number for i in running if i.identity.type == type_})
    out.add(FlipBack(view.revision, draft.release, release, kept))


def left_behind(view: View, draft: Rollout, fresh: Callable[[], str]) -> tuple[Planned, ...]:
    """What a failed rollout leaves planned: what an earlier success left.

    And where it had retired instances of its own release for younger ones, as many: a younger one that serves, else a
    new one, which the engine restarts for as long as it does not stay up. So a failed restart costs the app nothing.
    """
    kept = established(draft)
    held = {(entry.type, entry.number) for entry in kept}
    retired = {slot for slot, seen in retired_for(draft) if seen.release == draft.release}
    again: list[Planned] = []
    for entry in draft.planned:
        slot = (entry.type, entry.number)
        if entry.established or slot in held or slot not in retired:
            continue
        new = entry if serving(view, entry) else entry_for(view, draft.release, slot, fresh())
        again.append(new.changed(established=True))
        held.add(slot)
    return in_order((*kept, *again))


def settle_failed(view: View, record: Rollout, words: str, planned: tuple[Planned, ...] | None = None) -> WriteRollout:
    """The failed rollout at its end: what it had started itself is not planned any more."""
    document = with_leavers(view, record).changed(
        epoch=view.epoch,
        phase="failed",
        since=view.now,
        evidence=closed(view, record),
        planned=established(record) if planned is None else planned,
        waiting="",
    )
    return WriteRollout(document, _expect(view, record.release), Happening("failed", words, record.release))


def _expect(view: View, release: int) -> int | None:
    filed = view.rollouts.get(release)
    return filed.revision if filed else None
