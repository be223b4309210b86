"""Answers kept at hand in the form in which they go out, for as long as nothing that they show changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from libs.store.mirror import Moved
from services.controller.mirrors import Mirrors

MOST = 4 * 1024 * 1024  # bytes: a page of a thousand apps each, or a hundred long pages
OVERHEAD = 512  # bytes that a kept answer takes beside its text


class Kept:
    """Answers by the uuid of the app that they tell of, and by what was asked; those asked for last, in `most` bytes.

    What one tells of an app changes with the app itself, its releases, its rollouts and its instances. A mirror tells
    of a change in the same turn of the loop in which it shows it, and all that is kept of that app is dropped. An
    answer that goes by anything else must not be kept; one that is longer than an eighth of the room is not.
    """

    def __init__(self, mirrors: Mirrors, *, most: int = MOST) -> None:
        self._most = most
        self._size = 0
        self._by_app: OrderedDict[str, dict[str, bytes]] = OrderedDict()  # the one asked for last is last
        mirrors.releases.on_change(self._below_moved)
        mirrors.rollouts.on_change(self._below_moved)
        mirrors.apps.on_change(lambda moves: self._moved(moves, lambda app: app.uuid))
        mirrors.instances.on_change(lambda moves: self._moved(moves, lambda instance: instance.app_uuid))

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return self._size

    def answer(self, app_uuid: str, asked: str, make: Callable[[], bytes]) -> bytes:
        """The answer to what was asked of an app: the one that is kept, else a new one."""
        own = self._by_app.get(app_uuid, {})
        if (found := own.get(asked)) is not None:
            self._by_app.move_to_end(app_uuid)
            return found
        made = make()
        if _room(asked, made) <= self._most // 8:
            self._keep(app_uuid, asked, made)
        return made

    def _keep(self, app_uuid: str, asked: str, made: bytes) -> None:
        self._by_app.setdefault(app_uuid, {})[asked] = made
        self._by_app.move_to_end(app_uuid)
        self._size += _room(asked, made)
        while self._size > self._most:
            oldest, own = next(iter(self._by_app.items()))
            first = next(iter(own))
            self._size -= _room(first, own.pop(first))
            if not own:
                del self._by_app[oldest]

    def _drop(self, app_uuid: str) -> None:
        self._size -= sum(_room(*entry) for entry in self._by_app.pop(app_uuid, {}).items())

    def _below_moved(self, moves: Sequence[Moved[Any]]) -> None:
        """Records changed whose keys begin with their app's uuid."""
        if self._by_app:
            for move in moves:
                self._drop(move.parts[0])

    def _moved(self, moves: Sequence[Moved[Any]], uuid_of: Callable[[Any], str]) -> None:
        """Records changed that name their app."""
        if self._by_app:
            for move in moves:
                for record in (move.old, move.new):
                    if record is not None:
                        self._drop(uuid_of(record))


def _room(asked: str, made: bytes) -> int:
    return len(asked) + len(made) + OVERHEAD
