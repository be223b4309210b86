"""What the router says of instances, to the deployer and the checkers: only what HAProxy confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from libs.keyspace.records import RouterView
from services.router.actual import Actual
from services.router.counts import Count
from services.router.suspicions import Suspicion


def views(
    planned: Iterable[tuple[str, str]],
    retiring: Iterable[tuple[str, str]],
    suspects: Mapping[str, Suspicion],
    actual: Actual,
    in_flight: Mapping[str, Count],
) -> dict[str, RouterView]:
    """The views by instance id: of those that are to come into rotation, of retiring ones, and of suspects.

    Planned and retiring ones are given as (app, instance). A planned one that HAProxy does not have is not spoken of; a
    retiring one that it does not have is gone, even if it never was there. Of one that is suspect the suspicion is
    said, also where it is used because there is no better one; of one that retires, only how far that is.
    """
    found = {id_: view for app, id_ in planned if (view := _view(app, id_, actual, in_flight)) is not None}
    for id_, suspicion in suspects.items():
        found[id_] = RouterView(state="suspect", since=suspicion.since, reason=suspicion.reason)
    for app, id_ in retiring:
        found[id_] = _view(app, id_, actual, in_flight) or RouterView(state="gone")
    return dict(sorted(found.items()))


def _view(app: str, id_: str, actual: Actual, in_flight: Mapping[str, Count]) -> RouterView | None:
    server = actual.of_app(app).get(id_)
    if server is None:
        return None
    if server.serving:
        return RouterView(state="in_rotation")
    count = in_flight.get(id_, Count())
    return RouterView(state="draining", in_flight=count.total, websockets=count.websockets)


def same_but_counts(one: Mapping[str, RouterView], other: Mapping[str, RouterView]) -> bool:
    """Whether two answers differ in nothing but how many are in flight; which kinds there are is no mere count."""

    def coarse(views_: Mapping[str, RouterView]) -> dict[str, tuple[object, ...]]:
        return {
            id_: (view.state, view.since, view.reason, view.websockets > 0, view.in_flight > view.websockets)
            for id_, view in views_.items()
        }

    return coarse(one) == coarse(other)
