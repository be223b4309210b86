"""The syslog listener's certificate follows its files, so that nothing has to be restarted for a renewed one."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import structlog

from services.logger.syslog_terms import BadListener, Files

log = structlog.get_logger("logger")


class Renewal:
    """Looks at the files; what they have is handed to `take` where it is good, and told once in `trouble` where not."""

    def __init__(self, files: Files, take: Callable[[ssl.SSLContext], Awaitable[None]]) -> None:
        self.trouble = ""
        self._files = files
        self._take = take
        self._mark = files.mark()

    async def look(self) -> None:
        """Take up what changed since the last look."""
        mark = self._files.mark()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            context = self._files.context()
        except BadListener as error:
            self.trouble = f"{error}; syslog's listener goes on with what it read before"
            log.warning("renewed certificate files are not taken", reason=self.trouble)
            return
        self.trouble = ""
        await self._take(context)
        log.info("takes renewed certificate files for syslog", cert=str(self._files.cert))
