"""Keeps the files on disk as HAProxy is: what a HAProxy that starts again begins with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.router.actual import Actual
from services.router.haproxy import HAProxy
from services.router.saved import save
from services.router.structure import Structure

SETTLE = 0.3  # seconds in which further changes join one write


class Saving:
    """Writes the applied picture, a moment after it changed.

    As long as it is not `changeable`, for the records are not known yet, HAProxy has at best what was saved.
    """

    def __init__(self, structure: Structure, haproxy: HAProxy, *, changeable: Callable[[], bool]) -> None:
        self._changeable = changeable
        self._structure = structure
        self._haproxy = haproxy
        self._written: Actual | None = None
        self._writing = asyncio.Lock()

    async def save_picture(self) -> None:
        """The loop's body; raises `OSError`."""
        await asyncio.sleep(SETTLE)
        if self._haproxy.adopted and self._changeable():
            await self.write()

    async def write(self) -> None:
        """Write it now, if it is not written yet; raises `OSError`."""
        async with self._writing:
            picture = self._haproxy.actual.copy()
            if picture != self._written:
                self._written = None
                await asyncio.to_thread(save, self._structure, picture)
                self._written = picture
