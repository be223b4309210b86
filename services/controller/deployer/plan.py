"""The next steps of one app, from one picture of it. Pure: values in, values out, and no memory of the last plan.

A crash between any two steps is harmless: every step is either one compare-and-swap or can be asked for again, and what
is decided is written down before it is done.
"""

from __future__ import annotations

from collections.abc import Callable

from libs.keyspace.records import Rollout
from services.controller.deployer.alarms import with_alarms
from services.controller.deployer.draining import keeping
from services.controller.deployer.endings import end_retiring, retire
from services.controller.deployer.evidence import with_leavers
from services.controller.deployer.failing import fail, give_up, settle_failed
from services.controller.deployer.intentions import Intentions, Plan
from services.controller.deployer.rolling import roll, write
from services.controller.deployer.serving import is_unproven, outcome
from services.controller.deployer.settled import keep
from services.controller.deployer.steps import ForgetApp, Happening, WriteRollout
from services.controller.deployer.takeup import closed, moved_on, take_up
from services.controller.deployer.view import View


def plan(view: View, fresh: Callable[[], str]) -> Plan:
    """What to do next. `fresh` gives ids that were never used.

    Nothing where the picture is behind the records (one that acted on a later intent) or another leader's (a higher
    epoch).
    """
    out = Intentions(view.busy)
    records = [filed.document for filed in view.rollouts.values()]
    if any(record.epoch > view.epoch or record.intent > view.revision for record in records):
        return out.plan()
    if view.app.state == "destroying":
        _destroy(view, out)
        return out.plan()
    end_retiring(view, out)
    for number, filed in sorted(view.rollouts.items()):
        if number == view.app.release:
            continue
        if not filed.document.settled:
            out.add(_overtaken(view, filed.document, filed.revision))
        elif (told := with_leavers(view, filed.document)) != filed.document:
            out.add(WriteRollout(told.changed(epoch=view.epoch), filed.revision))
    if view.release is not None and view.release.number == view.app.release:
        _make_true(view, out, fresh)
    return out.plan()


def _make_true(view: View, out: Intentions, fresh: Callable[[], str]) -> None:
    draft = with_alarms(view, take_up(view), out)
    if draft.settled:
        keep(view, draft, out, fresh)
    elif "fail" in view.busy:
        return
    elif draft.reason:
        give_up(view, out, draft, fresh)
    elif view.build is None:
        _run_nothing(view, draft, out)
    else:
        roll(view, draft, out, fresh)


def _run_nothing(view: View, draft: Rollout, out: Intentions) -> None:
    """A release without a build: nothing to run. An app that runs something does not lose it that way.

    What only a rollout had started that never succeeded ends: that of a first deploy which was cancelled.
    """
    if view.release is not None and view.release.build is not None:
        return  # the build's record is not there: hold
    if any(not is_unproven(view, instance) for instance in view.live.values()):
        fail(view, out, draft, f"v{draft.release} has no build: there is nothing to run")
        return
    for _, instance in sorted(view.live.items()):
        retire(view, out, instance, outcome(view, instance.identity.release))
    if view.rollouts:
        leaving = view.live or any(keeping(view, view.here[id_]) for id_ in view.retiring if id_ in view.here)
        write(view, moved_on(view, draft.changed(planned=()), "retiring" if leaving else "done"), out)


def _overtaken(view: View, record: Rollout, revision: int) -> WriteRollout:
    """A running rollout of a release that is not wanted any more; one that had failed already says so."""
    if record.reason:
        words = f"v{record.release} failed: {record.reason}; v{view.app.release} is wanted again"
        return settle_failed(view, record, words)
    cancelled = view.app.cancelled
    if cancelled is not None and cancelled.release == record.release:
        phase, reason = "cancelled", f"cancelled by {cancelled.by}"
        words = f"v{record.release} was {reason}; v{view.app.release} is wanted again"
    else:
        phase, reason = "superseded", f"v{view.app.release} is wanted now"
        words = f"v{record.release} was superseded by v{view.app.release}"
    over = with_leavers(view, record).changed(
        epoch=view.epoch,
        phase=phase,
        since=view.now,
        evidence=closed(view, record),
        reason=reason,
        waiting="",
    )
    return WriteRollout(over, revision, Happening(phase, words, record.release))


def _destroy(view: View, out: Intentions) -> None:
    """End every instance, then let go of the records; who waits for a rollout is told first."""
    for _, filed in sorted(view.rollouts.items()):
        if not filed.document.settled:
            over = filed.document.changed(
                epoch=view.epoch, phase="superseded", since=view.now, reason="the app is destroyed", waiting=""
            )
            out.add(WriteRollout(over, filed.revision))
    end_retiring(view, out, hasty=True)
    for _, instance in sorted(view.live.items()):
        retire(view, out, instance, "the app is destroyed")
    if not (view.instances or view.runs or view.retiring or view.busy or out.steps):
        out.add(ForgetApp(view.revision))
