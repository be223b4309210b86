"""When a rollout has failed, why, and what the app goes back to. Pure."""

from __future__ import annotations

from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import Crew
from services.controller.deployer.intentions import Intentions
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
    """Why this new instance will not do; empty while it may. One that passed before has the startup limit again."""
    limit = view.app.settings.startup_limit_seconds
    if instance.restarts or instance.state in {"restarting", "exited", "dead"}:
        return instance.reason or f"exited with code {instance.exit_code}"
    if instance.state == "created":
        tried = view.tried.get(entry.id)
        if tried and view.now >= tried + timedelta(seconds=limit):
            return f"did not run within {limit:g} s"
        return ""
    verdict = view.verdict(instance)
    if verdict is None or verdict.ready or entry.deadline is None:
        return ""  # no word is not a verdict: its checker may be dead
    patience = max(entry.deadline, verdict.since + timedelta(seconds=limit)) if verdict.started else entry.deadline
    if view.now < patience:
        out.look_at(patience)
        return ""
    return f"did not pass its check within {limit:g} s: {verdict.reason}{_guessed(view, instance)}"


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
    """Write the reason down, so that any leader goes on with the failure and not with the rollout."""
    out.add(Fail(draft.changed(reason=reason, waiting=""), _expect(view, draft.release), name))


def give_up(view: View, out: Intentions, draft: Rollout) -> None:
    """The reason is written: point the app back at a release that runs, else leave it as it is, and settle."""
    release = release_to_go_back_to(view)
    if release is None:
        words = f"v{draft.release} failed: {draft.reason}"
        out.add(settle_failed(view, draft, words))
        return
    kept = dict(view.app.formation)
    running = [i for i in view.live.values() if i.identity.release == release]
    for type_ in sorted({instance.identity.type for instance in running} - kept.keys()):
        kept[type_] = len({i.identity.number for i in running if i.identity.type == type_})
    out.add(FlipBack(view.revision, draft.release, release, kept))


def settle_failed(view: View, record: Rollout, words: str) -> WriteRollout:
    """The failed rollout at its end: what it had started itself is not planned any more."""
    document = record.changed(
        epoch=view.epoch,
        phase="failed",
        since=view.now,
        evidence=closed(view, record),
        planned=established(record),
        waiting="",
    )
    return WriteRollout(document, _expect(view, record.release), Happening("failed", words, record.release))


def release_to_go_back_to(view: View) -> int | None:
    """The release, not the wanted one, that has a ready instance: the latest that ever succeeded, else the latest."""
    ready = {i.identity.release for i in view.live.values() if view.ready(i)} - {view.app.release}
    records = {number: filed.document for number, filed in view.rollouts.items()}

    def succeeded(number: int) -> bool:
        return number in records and records[number].succeeded is not None

    fit = (n for n in ready if succeeded(n) or n not in records or records[n].phase != "failed")
    return max(fit, key=lambda number: (succeeded(number), number), default=None)


def _expect(view: View, release: int) -> int | None:
    filed = view.rollouts.get(release)
    return filed.revision if filed else None
