"""Whether the store answers: one line in the log when it has not for a while, and one when it does again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from libs.store.errors import StoreError, StoreHeld, StoreUnavailable

PATIENCE = 3.0  # seconds without an answer that are nothing to tell of: a restart of etcd takes less

log = structlog.get_logger("store")


def _now() -> float:
    return asyncio.get_running_loop().time()


class Contact:
    """Hears how each request to the store ended. Silence of a store that nobody asks is not known of."""

    def __init__(self) -> None:
        self._since: float | None = None  # when the first of the requests failed that nothing answered since
        self._reason = ""
        self._silent = asyncio.Event()
        self._answering = asyncio.Event()

    @property
    def lost(self) -> str | None:
        """Why and for how long the store does not answer; None when it does, or its silence is young."""
        if self._since is None or (seconds := _now() - self._since) < PATIENCE:
            return None
        return f"has not answered for {seconds:.0f} s: {self._reason}"

    @contextmanager
    def asked(self) -> Iterator[None]:
        """One request; a refusal of any kind is an answer too."""
        try:
            yield
        except StoreUnavailable as error:
            if isinstance(error, StoreHeld):
                self.answered()
            else:
                self._failed(str(error))
            raise
        except StoreError:
            self.answered()
            raise
        else:
            self.answered()

    def answered(self) -> None:
        """The store said something."""
        self._since = None
        self._silent.clear()
        self._answering.set()

    def _failed(self, reason: str) -> None:
        self._reason = reason
        if self._since is None:
            self._since = _now()
            self._answering.clear()
            self._silent.set()

    async def tell(self) -> None:
        """Tell of the silences, for ever."""
        while True:
            await self._silent.wait()
            since = self._since
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._answering.wait()
                continue
            except TimeoutError:
                log.warning("the store does not answer; what is stays as it is", reason=self._reason)
            await self._answering.wait()
            if since is not None:
                log.info("the store answers again", seconds=round(_now() - since, 1))
