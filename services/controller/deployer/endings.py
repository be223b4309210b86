"""How an instance ends: retired, drained, stopped, read to its end, removed, forgotten. Pure.

The retiring record is the deployer's own memory of it: it is written first and deleted last, so that any leader goes on
from where the last one was.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.engine import Instance
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.steps import Forget, Remove, Retire, Stop
from services.controller.deployer.view import View, title

UP = frozenset({"running", "restarting"})


def retire(view: View, out: Intentions, instance: Instance, reason: str) -> None:
    """Send it no new traffic, and let go of it when it is drained or its time to drain is over."""
    drains = instance.port is not None and instance.state == "running"
    drain = timedelta(seconds=view.app.settings.drain_seconds) if drains else timedelta()
    id_ = instance.identity.id
    out.add(Retire(view.node_of(id_), id_, reason, view.now + drain))


def end_retiring(view: View, out: Intentions, *, hasty: bool = False) -> None:
    """The next step of every instance on its way out; `hasty` does not wait for the log agent."""
    for id_, (node, record) in sorted(view.retiring.items()):
        instance = view.here.get(id_)
        if instance is None:
            if f"instance/{id_}" not in view.busy:
                out.add(Forget(node, id_))
        elif instance.state in UP:
            named = f"{title(instance)} of v{instance.identity.release}"
            if view.drained(instance) or view.now >= record.deadline:
                out.wait("{} to stop", named)
                out.add(Stop(id_, instance.name, view.app.settings.stop_grace_seconds))
            else:
                out.wait("{} to drain", named)
                out.look_at(record.deadline)
        elif hasty or _read_to_its_end(view, instance):
            out.add(Remove(id_, instance.name))
        else:
            out.look_at(_kept_until(view, instance))


def _read_to_its_end(view: View, instance: Instance) -> bool:
    """Nobody needs the stopped container any more: it never ran, its output was read, or its time is over."""
    if instance.state == "created" or instance.started is None:
        return True
    end = view.log_ends.get(instance.identity.id)
    if end is not None and end.finished in {None, instance.finished}:
        return True
    return view.now >= _kept_until(view, instance)


def _kept_until(view: View, instance: Instance) -> datetime:
    ended = instance.finished or view.retiring[instance.identity.id][1].deadline
    return ended + view.policy.keep_stopped
