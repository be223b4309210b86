"""What the router says of instances, to the deployer: only what HAProxy confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from libs.keyspace.records import RouterView
from services.router.actual import Actual


def views(
    planned: Iterable[tuple[str, str]],
    retiring: Iterable[tuple[str, str]],
    actual: Actual,
    in_flight: Mapping[str, int],
) -> dict[str, RouterView]:
    """The views by instance id of the instances of running rollouts and of retiring ones, each as (app, instance).

    A planned one that HAProxy does not have is not spoken of; a retiring one that it does not have is gone, even if it
    never was there.
    """
    found = {id_: view for app, id_ in planned if (view := _view(app, id_, actual, in_flight)) is not None}
    for app, id_ in retiring:
        found[id_] = _view(app, id_, actual, in_flight) or RouterView(state="gone")
    return dict(sorted(found.items()))


def _view(app: str, id_: str, actual: Actual, in_flight: Mapping[str, int]) -> RouterView | None:
    server = actual.of_app(app).get(id_)
    if server is None:
        return None
    if server.state == "ready":
        return RouterView(state="in_rotation")
    return RouterView(state="draining", in_flight=in_flight.get(id_, 0))


def same_but_counts(one: Mapping[str, RouterView], other: Mapping[str, RouterView]) -> bool:
    """Whether two answers differ in nothing but how many requests are in flight; whether there are any counts."""

    def coarse(views_: Mapping[str, RouterView]) -> dict[str, tuple[str, bool]]:
        return {id_: (view.state, view.in_flight > 0) for id_, view in views_.items()}

    return coarse(one) == coarse(other)
