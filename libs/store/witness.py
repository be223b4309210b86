"""What we know of the store: which one it is and how far it had come, also over a restart of ours."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import structlog

from libs.daemon import files
from libs.store.driver import Judge
from libs.store.errors import StoreHeld
from libs.store.store import Identity

log = structlog.get_logger("store")


class Witness:
    """Judges each linearizable answer by what was known before its request was sent; holds a store that is not ours.

    A store is held when its cluster id is another one, or when its revision or its term is lower than the known one: an
    etcd that was wiped and started again with the same name and peers has the same cluster id. In memory it is exact;
    its file follows.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.known: Identity | None = None
        self.contact = datetime.min.replace(tzinfo=UTC)  # the last answer that passed
        self.held: str | None = None  # the reason, while the store is held
        self.stranger: Identity | None = None  # what was met instead, while it is held
        self.changed = asyncio.Event()  # since the file was last written
        self.decided = asyncio.Event()  # set while the store is held
        self._writing = threading.Lock()
        self.acceptances = 0  # how often another store was taken for ours

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The witness of a file; a new one, that accepts the first store it meets, where there is none."""
        witness = cls(path)
        try:
            kept = json.loads(path.read_bytes()) if path else None
            if kept is not None:
                witness._remember(kept)
        except FileNotFoundError:
            return witness
        except (ValueError, TypeError, KeyError):
            log.warning("the witness file cannot be read: the store is taken as it is", path=str(path))
            return cls(path)
        return witness

    def _remember(self, kept: dict[str, Any]) -> None:
        self.known = Identity(**kept["known"])
        self.contact = datetime.fromisoformat(kept["contact"])
        if kept["held"]:
            self._hold(kept["held"], Identity(**kept["stranger"]))

    async def save(self) -> None:
        """Write the file, in one piece or not at all; a disk that takes nothing is no reason to end."""
        self.changed.clear()
        if self._path is not None:
            try:
                await asyncio.to_thread(self._write, self._path)
            except OSError as error:
                log.warning("the witness file cannot be written", path=str(self._path), reason=str(error))

    def _write(self, path: Path) -> None:
        with self._writing:  # a write that was cancelled goes on in its thread
            if self.known is None:
                return
            kept = {
                "known": asdict(self.known),
                "contact": self.contact.isoformat(),
                "held": self.held,
                "stranger": asdict(self.stranger) if self.stranger else None,
            }
            files.replace(path, json.dumps(kept))

    def inspect(self) -> Judge:
        """Before a request: raises `StoreHeld`, or returns the judge of its answer (see `driver.Inspect`)."""
        self.refuse_while_held()
        floor, acceptances = self.known, self.acceptances

        def judge(identity: Identity) -> None:
            self.refuse_while_held()
            if acceptances != self.acceptances:
                raise StoreHeld("the request was sent before the store was accepted")
            self._judge(identity, floor)

        return judge

    def refuse_while_held(self) -> None:
        """Raise `StoreHeld` while the store is held."""
        if self.held:
            raise StoreHeld(self.held)

    def came_to(self, revision: int) -> None:
        """A watch showed that the store has come this far."""
        if self.known and revision > self.known.revision:
            self._know(replace(self.known, revision=revision))

    def accept(self, identity: Identity) -> None:
        """Take this store for the one we know from now on."""
        self.held, self.stranger = None, None
        self.decided.clear()
        self.acceptances += 1
        self.known = None
        self._know(identity)

    def knows(self, identity: Identity) -> bool:
        """Whether this is the known store again, that a stranger stood in for; what is not is the stranger.

        A stranger that has grown past the known revision stays one: its term is the same until it is started again.
        """
        known, stranger = self.known, self.stranger
        if known is None or stranger is None or identity.cluster != known.cluster:
            return False
        again = stranger.cluster != known.cluster or identity.term != stranger.term
        if again and identity.revision >= known.revision and identity.term >= known.term:
            return True
        if identity.term != stranger.term:
            self.stranger = identity
            self.changed.set()
        return False

    def _judge(self, identity: Identity, floor: Identity | None) -> None:
        if self.known and identity.cluster != self.known.cluster:
            self._hold(f"its cluster id is {identity.cluster}, and we know {self.known.cluster}", identity)
        elif floor and identity.revision < floor.revision:
            self._hold(f"its revision went back from {floor.revision} to {identity.revision}", identity)
        elif floor and identity.term < floor.term:
            self._hold(f"its term went back from {floor.term} to {identity.term}: it began anew", identity)
        self.refuse_while_held()
        if self.known:
            identity = replace(
                identity,
                revision=max(identity.revision, self.known.revision),
                term=max(identity.term, self.known.term),
            )
        self._know(identity)

    def _know(self, identity: Identity) -> None:
        self.contact = datetime.now(UTC)
        if identity != self.known:
            self.known = identity
            self.changed.set()

    def _hold(self, reason: str, stranger: Identity) -> None:
        self.held, self.stranger = reason, stranger
        self.decided.set()
        self.changed.set()
        log.error(
            "the store is not the one we knew: nothing is read or written until it is accepted",
            reason=reason,
            last_contact=self.contact.isoformat(),
            remedy="if it was restored on purpose: deis-daemon accept-store",
        )
