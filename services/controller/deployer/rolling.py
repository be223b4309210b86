"""A running rollout's next steps: start, wait until ready and routed, retire the old, be done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from libs.engine import Instance
from libs.keyspace.records import Rollout
from services.controller.deployer.crew import Crew, former, in_order, muster
from services.controller.deployer.draining import keeping
from services.controller.deployer.enlisting import enlist
from services.controller.deployer.evidence import with_evidence
from services.controller.deployer.failing import fail, judge
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.leaving import leave
from services.controller.deployer.serving import satisfied
from services.controller.deployer.starting import start
from services.controller.deployer.steps import Happening, ResolveImage, WriteRollout
from services.controller.deployer.takeup import moved_on
from services.controller.deployer.view import View, title
from services.controller.process_types import dropped
from services.controller.sources import source_of


def roll(view: View, draft: Rollout, out: Intentions, fresh: Callable[[], str]) -> None:
    """Take the next steps towards the wanted formation at the wanted release."""
    imaged = _with_image(view, draft, out)
    if imaged is None:
        return
    crew = muster(view, imaged)
    if failure := judge(view, crew, out):
        fail(view, out, imaged.changed(planned=crew.entries), *failure)
        return
    enlisted = enlist(view, imaged, crew, fresh, out)
    staying, in_place = leave(view, imaged, crew, enlisted.tight, out)
    empty = [slot for slot in crew.missing if slot not in enlisted.entries]
    planned = in_order((*crew.entries, *enlisted.entries.values(), *former(view, imaged, crew, empty)))
    for entry in (*crew.current.values(), *enlisted.entries.values()):
        start(view, imaged, entry, out)
    phase = _phase(view, crew, out, staying)
    drafted = imaged.changed(planned=planned, in_place=imaged.in_place or in_place)
    following = moved_on(view, drafted, phase)
    if following.phase == "done":
        _finish(view, following, out)
    else:
        write(view, following.changed(waiting=out.words()), out, _told_in_place(imaged, following))


def write(view: View, document: Rollout, out: Intentions, happening: Happening | None = None) -> None:
    """Write the record, with the evidence of this look, if it differs from the stored one."""
    filed = view.rollouts.get(document.release)
    document = with_evidence(view, document)
    if filed is None:
        out.add(WriteRollout(document, None, happening))
    elif document != filed.document:
        words_only = document.changed(waiting=filed.document.waiting) == filed.document
        out.add(WriteRollout(document.changed(epoch=view.epoch), filed.revision, happening, words_only))


def _told_in_place(before: Rollout, after: Rollout) -> Happening | None:
    if before.in_place or not after.in_place:
        return None
    return Happening("in_place", f"v{after.release}: {after.in_place}", after.release)


def _with_image(view: View, draft: Rollout, out: Intentions) -> Rollout | None:
    """The draft with its image's digest and port; None while they are not known."""
    if draft.image:
        return draft
    assert view.build is not None
    image = view.resolved.get(draft.release)
    if image is not None:
        running = [i for i in view.live.values() if i.identity.release == draft.release and i.image]
        digest = running[0].image if running else image.digest  # a lost record: what runs is the release's image
        return draft.changed(image=digest, port=min(image.ports, default=None))
    if refusal := view.refused.get(f"image/{draft.release}"):
        fail(view, out, draft, refusal.reason)
        return None
    source = source_of(view.build)
    out.wait("image {} to be had", source)
    write(view, draft.changed(waiting=out.words()), out)
    out.add(ResolveImage(draft.release, source))
    return None


def _phase(view: View, crew: Crew, out: Intentions, staying: list[Instance]) -> str:
    """Where the rollout stands; says what it waits for."""
    unsatisfied = [slot for slot in crew.wanted if not satisfied(view, crew.current.get(slot))]
    starting = [slot for slot in unsatisfied if not _wait_to_be_ready(view, crew, slot, out)]
    if starting:
        return "starting"
    for slot in unsatisfied:
        instance = view.live[crew.current[slot].id]
        for router in view.without(instance):
            out.wait(f"{router} to have {{}} in rotation", title(instance))
    if unsatisfied:
        return "routing"
    for instance in staying:
        out.wait("{} to be replaced", f"{title(instance)} of v{instance.identity.release}")
    return "retiring" if crew.surplus or _kept(view, out) else "done"


def _kept(view: View, out: Intentions) -> bool:
    """Whether a router has not withdrawn an instance that retires; says which."""
    kept = False
    for instance in (view.here[id_] for id_ in sorted(view.retiring) if id_ in view.here):
        for router in keeping(view, instance):
            out.wait(f"{router} to withdraw {{}}", f"{title(instance)} of v{instance.identity.release}")
            kept = True
    return kept


def _wait_to_be_ready(view: View, crew: Crew, slot: tuple[str, int], out: Intentions) -> bool:
    """Whether the slot's instance is ready; if not, say what is missing."""
    name = f"{slot[0]}.{slot[1]}"
    entry = crew.current.get(slot)
    instance = view.live.get(entry.id) if entry else None
    if instance is None or instance.state == "created":
        out.wait("{} to start", name)
    elif view.ready(instance):
        return True
    elif instance.identity.id not in view.nodes:
        out.wait("the publisher to see {}", name)
    elif (verdict := view.verdict(instance)) is None:
        out.wait("the health checker's first word on {}", name)
    else:
        out.wait("{} to pass its check", f"{name} ({verdict.reason})" if verdict.reason else name)
    return False


def _finish(view: View, document: Rollout, out: Intentions) -> None:
    """Everything wanted serves and nothing else runs: settle."""
    proven = with_evidence(view, document)
    entries = tuple(entry.changed(established=True, replaces="") for entry in document.planned)
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.type] = counts.get(entry.type, 0) + 1
    runs = _counts(counts) or "nothing"
    happening = None
    filed = view.rollouts.get(document.release)
    if document.succeeded is None:
        words = f"v{document.release} is deployed and runs {runs}{_left_out(view)}"
        happening = Happening("deployed", words, document.release)
    elif filed is not None and not filed.document.settled:
        happening = Happening("settled", f"v{document.release} runs {runs} now", document.release)
    done = proven.changed(planned=entries, waiting="", succeeded=document.succeeded or view.now)
    write(view, done, out, happening)


def _left_out(view: View) -> str:
    """The types of the formation that the build has not, so that nobody wonders where they went."""
    lost = dropped(view.app.formation, view.build) if view.build else {}
    if not lost:
        return ""
    return f"; its build has no process type {', '.join(lost)}: {_counts(lost)} left out"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{type_}={count}" for type_, count in sorted(counts.items()))
