"""Which of an app's rollouts a plan depends on: an app may have thousands, and most are over and told. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from libs.keyspace.records import App
from services.controller.outlines import Outline


def relevant(
    known: Mapping[int, Outline],
    app: App,
    *,
    since: tuple[int, int],
    ids: Collection[str],
    releases: Collection[int],
) -> set[int]:
    """The releases of the rollouts that a plan may look at.

    They are the wanted one, what is not settled or not told to its end, what names one of these instances or is of
    their `releases`, what is newer than the revision and the epoch of the picture (`since`), the last ones, and those
    that one of all these would go back to.
    """
    revision, epoch = since
    found = {
        number
        for number, one in known.items()
        if not one.settled or one.open or one.intent > revision or one.epoch > epoch or one.names(ids)
    }
    newest = max(known, key=lambda number: (known[number].intent, number), default=0)
    found |= {app.release, newest, max(known, default=0), *releases}
    found |= {known[number].fallback or 0 for number in found if number in known}
    return found & known.keys()
