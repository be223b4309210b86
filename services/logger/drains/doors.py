"""Sockets to a receiver's addresses, and why none was to be had."""

from __future__ import annotations

import socket

from services.logger.drains.reasons import reason_of
from services.logger.drains.way import Forbidden, Way


class Doors:
    """A way whose word is kept: where several addresses fail, what tries them raises one error that says nothing."""

    def __init__(self, way: Way) -> None:
        self.refused: Forbidden | None = None  # the last address that was
        self._way = way

    def open_socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """See `Way`."""
        try:
            return self._way.open_socket(info)
        except Forbidden as error:
            self.refused = error
            raise

    def why(self, error: BaseException) -> str:
        """A few words on why no address was reached: the refusal, where there was one."""
        return reason_of(self.refused or error)
