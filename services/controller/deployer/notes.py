"""What the deployer remembers of an app from one look to the next; a new leader does well without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from libs.engine import Image
from services.controller.deployer.view import Quotation, Refusal


@dataclass(slots=True)
class Notes:
    """One app's, by its uuid."""

    app: str
    uuid: str
    busy: set[str] = field(default_factory=set)  # see `steps.busy_key`
    refused: dict[str, Refusal] = field(default_factory=dict)  # by the same keys
    tried: dict[str, datetime] = field(default_factory=dict)  # by instance id
    resolved: dict[int, Image] = field(default_factory=dict)  # by release
    quoted: dict[str, Quotation] = field(default_factory=dict)  # by id of an instance that crashed
    alarmed: datetime | None = None  # when alarms were written last
    touched: float = float("-inf")  # when a verb on the engine ended last, by the monotonic clock
    rollouts: int = 0  # the revision of our last write to its rollouts
    app_written: int = 0  # the revision of our last write to its record
    worded: float = float("-inf")  # when a change of words alone was written last
    failures: int = 0  # looks in a row that did not come to their end
    active: bool = True  # its last plan was not to leave all as it is
    timer: asyncio.TimerHandle | None = None

    def instances(self) -> set[str]:
        """The ids of the instances that anything is noted of."""
        keys = (key.removeprefix("instance/") for key in (*self.busy, *self.refused) if key.startswith("instance/"))
        return {*keys, *self.tried, *self.quoted}

    def forget_others(self, known: Iterable[str], release: int) -> None:
        """Drop what is noted of instances that are neither there nor planned, and of images that nobody wants now."""
        kept = set(known)
        keys = {f"image/{release}"} | {f"instance/{id_}" for id_ in kept}
        self.tried = {id_: at for id_, at in self.tried.items() if id_ in kept}
        self.quoted = {id_: quotation for id_, quotation in self.quoted.items() if id_ in kept}
        self.refused = {key: refusal for key, refusal in self.refused.items() if key in keys}
        self.resolved = {number: image for number, image in self.resolved.items() if number == release}

    def cancel_timer(self) -> None:
        """Do not look again at a set time."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
