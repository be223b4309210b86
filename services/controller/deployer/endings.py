"""How an instance ends: retired, drained, stopped, read to its end, removed, forgotten. Pure.

The retiring record is the deployer's own memory of it: it is written first and deleted last, so that any leader goes on
from where the last one was.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.engine import Instance
from services.controller.deployer.draining import may_stop, waits_until
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.steps import Forget, Remove, Retire, Stop
from services.controller.deployer.view import UP, View

IN_PLACE = "in place"  # what the reason of an instance ends with that retires to make room for its successor


def retire(view: View, out: Intentions, instance: Instance, reason: str) -> None:
    """Send it no new traffic, and let go of it when it is drained or its time to drain is over."""
    drains = instance.port is not None and instance.state == "running"
    settings = view.app.settings
    requests = timedelta(seconds=settings.drain_seconds if drains else 0)
    websockets = timedelta(seconds=settings.drain_websocket_seconds if drains else 0)
    id_ = instance.identity.id
    out.add(Retire(view.node_of(id_), id_, reason, view.now + requests, view.now + websockets))


def end_retiring(view: View, out: Intentions, *, hasty: bool = False) -> None:
    """The next step of every instance on its way out; `hasty` waits neither for WebSockets nor for the log agent."""
    for id_, (node, record) in sorted(view.retiring.items()):
        instance = view.here.get(id_)
        if instance is None:
            if f"instance/{id_}" not in view.busy:
                out.add(Forget(node, id_))
        elif instance.state in UP:
            if may_stop(view, instance, record, hasty=hasty):
                out.add(Stop(id_, instance.name, view.app.settings.stop_grace_seconds))
            else:
                for when in waits_until(view, record):
                    out.look_at(when)
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
