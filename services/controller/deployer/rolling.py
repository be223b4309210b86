"""A running rollout's next steps: start, wait until ready and routed, retire the old, be done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import Crew, enlist, in_order, muster
from services.controller.deployer.endings import UP, retire
from services.controller.deployer.failing import fail, judge
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.starting import start
from services.controller.deployer.steps import Happening, ResolveImage, WriteRollout
from services.controller.deployer.takeup import moved_on
from services.controller.deployer.view import View, title
from services.controller.process_types import dropped


def roll(view: View, draft: Rollout, out: Intentions, fresh: Callable[[], str]) -> None:
    """Take the next steps towards the wanted formation at the wanted release."""
    imaged = _with_image(view, draft, out)
    if imaged is None:
        return
    crew = muster(view, imaged)
    if failure := judge(view, crew, out):
        fail(view, out, imaged.changed(planned=crew.entries), *failure)
        return
    enlisted = enlist(view, imaged, crew, fresh)
    old = [instance for instance in crew.surplus if not _retire_if_replaced(view, imaged, crew, instance, out)]
    planned = in_order((*crew.entries, *enlisted.values()))
    for entry in planned:
        start(view, imaged, entry, out)
    phase = _phase(view, crew, out, old)
    following = moved_on(view, imaged.changed(planned=planned), phase)
    if following.phase == "done":
        _finish(view, following, out)
    else:
        write(view, following.changed(waiting=out.words()), out)


def write(view: View, document: Rollout, out: Intentions, happening: Happening | None = None) -> None:
    """Write the record if it differs from the stored one."""
    filed = view.rollouts.get(document.release)
    if filed is None:
        out.add(WriteRollout(document, None, happening))
    elif document != filed.document:
        words_only = document.changed(waiting=filed.document.waiting) == filed.document
        out.add(WriteRollout(document, filed.revision, happening, words_only))


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
    out.wait("image {} to be had", view.build.image)
    write(view, draft.changed(waiting=out.words()), out)
    out.add(ResolveImage(draft.release, view.build.image))
    return None


def _satisfied(view: View, entry: Planned | None) -> bool:
    """It is ready and every router has it, or an earlier rollout saw to that."""
    return entry is not None and (entry.established or _serving(view, entry))


def _serving(view: View, entry: Planned) -> bool:
    """It is ready and in rotation now."""
    instance = view.live.get(entry.id)
    return instance is not None and view.ready(instance) and not view.without(instance)


def _retire_if_replaced(view: View, draft: Rollout, crew: Crew, instance: Instance, out: Intentions) -> bool:
    """Retire a surplus instance as soon as it is not needed; False while it is."""
    identity = instance.identity
    slot = (identity.type, identity.number)
    if identity.release == draft.release and (slot not in crew.slots or _duplicate(view, crew, instance)):
        reason = "scaled down" if slot not in crew.slots else "a duplicate"
    elif _useless(view, crew, instance):
        reason = "failed or superseded"
    elif _replaced(view, draft, crew, instance):
        reason = f"replaced by v{draft.release}"
    else:
        return False
    retire(view, out, instance, reason)
    return True


def _duplicate(view: View, crew: Crew, instance: Instance) -> bool:
    """Of the wanted generation, yet another holds its slot."""
    slot = (instance.identity.type, instance.identity.number)
    return slot in crew.current and instance.identity.generation >= view.app.generation(*slot)


def _useless(view: View, crew: Crew, instance: Instance) -> bool:
    """It is unready, and its release failed or another old one serves in its place."""
    if not view.unready(instance):
        return False
    identity = instance.identity
    filed = view.rollouts.get(identity.release)
    if identity.release != view.app.release and filed is not None and filed.document.phase == "failed":
        return True
    peers = crew.surplus_in[identity.type, identity.number]
    return any(other.identity.id != identity.id and view.ready(other) for other in peers)


def _replaced(view: View, draft: Rollout, crew: Crew, instance: Instance) -> bool:
    """What takes its place is there.

    Its own slot's instance, where that slot is still wanted; else all of its type; else, where its type has ended with
    the new release, all there is.
    """
    type_, number = instance.identity.type, instance.identity.number
    if (type_, number) in crew.slots:
        return _gives_way(view, draft, crew, instance)
    same_type = [slot for slot in crew.wanted if slot[0] == type_]
    return all(_satisfied(view, crew.current.get(slot)) for slot in same_type or crew.wanted)


def _gives_way(view: View, draft: Rollout, crew: Crew, instance: Instance) -> bool:
    """Its slot's instance serves; or it served before, and this one is no use, or had its time while a peer serves."""
    type_ = instance.identity.type
    entry = crew.current.get((type_, instance.identity.number))
    if entry is None:
        return False
    if _serving(view, entry):
        return True
    if not entry.established:
        return False
    if view.unready(instance):
        return True
    limit = timedelta(seconds=view.app.settings.startup_limit_seconds)
    peers = (peer for slot, peer in crew.current.items() if slot[0] == type_)
    return view.now >= draft.since + limit and any(_serving(view, peer) for peer in peers)


def _phase(view: View, crew: Crew, out: Intentions, old: list[Instance]) -> str:
    """Where the rollout stands; says what it waits for."""
    unsatisfied = [slot for slot in crew.wanted if not _satisfied(view, crew.current.get(slot))]
    starting = [slot for slot in unsatisfied if not _wait_to_be_ready(view, crew, slot, out)]
    if starting:
        return "starting"
    for slot in unsatisfied:
        instance = view.live[crew.current[slot].id]
        for router in view.without(instance):
            out.wait(f"{router} to have {{}} in rotation", title(instance))
    if unsatisfied:
        return "routing"
    ending = [view.here[id_] for id_ in view.retiring if id_ in view.here and view.here[id_].state in UP]
    for instance in old:
        out.wait("{} to be replaced", f"{title(instance)} of v{instance.identity.release}")
    return "retiring" if old or ending or len(crew.surplus) > len(old) else "done"


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
    entries = tuple(entry.changed(established=True) for entry in document.planned)
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
    done = document.changed(planned=entries, waiting="", succeeded=document.succeeded or view.now)
    write(view, done, out, happening)


def _left_out(view: View) -> str:
    """The types of the formation that the build has not, so that nobody wonders where they went."""
    lost = dropped(view.app.formation, view.build) if view.build else {}
    if not lost:
        return ""
    return f"; its build has no process type {', '.join(lost)}: {_counts(lost)} left out"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{type_}={count}" for type_, count in sorted(counts.items()))
