"""The audit: who did what to accounts and to the platform, one line of the log each, all of one form.

Events are an app's and end with it; these lines outlive it. `audit=True` finds them. Never a secret: no password, token
or key, and of a login that was refused no name that is nobody's, for people type passwords there.
"""

from __future__ import annotations

import structlog

from services.controller import asker
from services.controller.events import in_one_line

NOBODY = "(no such account)"

log = structlog.get_logger("audit")


def note(act: str, *, by: str, whom: str | None = None, **what: str | int) -> None:
    """Write that `by` did it, from the request's address; `whom`: the account it was done to, if another."""
    line: dict[str, object] = {"by": by, "address": asker.address()}
    if whom is not None and whom != by:
        line["whom"] = whom
    if (token := asker.token_of(by)) is not None:
        line["by_token"] = in_one_line(f"{token.id} {token.name}")
    told = {name: in_one_line(value) if isinstance(value, str) else value for name, value in what.items()}
    log.info(act, audit=True, **line, **told)
