"""What a crowd is made of, and what it reports: lines of JSON on its standard output."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["answered", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Party:
    """The users of one app.

    `keeping` clients keep their connection, each asking `per_second` times; `fresh` ones take a new connection for each
    request; `websockets` send a word every `every` seconds and want it back.
    """

    app: str
    host: str
    path: str = "/"
    keeping: int = 8
    fresh: int = 4
    per_second: float = 18.0
    websockets: int = 50
    every: float = 0.2
    patience: float = 30.0  # seconds for an answer

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to one user, or how much went well since the last one.

    `answered`: counts by `release@address` in `well`, echoes in `echoes`, open WebSockets in `open`.
    `failed`: `what` is status, reset, timeout, refused, echo or closed; `where` the address that answered it last.
    `closed`: the app ended a WebSocket at `where`, with this `code`, or `what` is reset.
    Times are the machine's clock.
    """

    kind: Kind
    app: str
    at: float
    who: str = ""
    what: str = ""
    detail: str = ""
    where: str = ""
    release: str = ""
    code: int | None = None
    since: float | None = None
    well: dict[str, int] | None = None
    slowest: float = 0.0
    echoes: int = 0
    open: int = 0

    def line(self) -> str:
        """As it is written."""
        return json.dumps(asdict(self))

    @staticmethod
    def parse(line: str | bytes) -> Report:
        """As it was written."""
        fields: dict[str, Any] = json.loads(line)
        return Report(**fields)
