"""What we know of the store: which one it is and how far it had come, also over a restart of ours."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog

from libs.store.driver import Judge
from libs.store.errors import StoreHeld
from libs.store.store import Identity

log = structlog.get_logger("store")


class Witness:
    """Judges each linearizable answer by what was known before its request was sent; holds a store that is not ours.

    A store is held when its cluster id is another one, or when its revision is lower than the known one: etcd wiped and
    started again with the same name and peers has the same cluster id. In memory it is exact; its file follows.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.known: Identity | None = None
        self.contact = datetime.min.replace(tzinfo=UTC)  # the last answer that passed
        self.held: str | None = None  # the reason, while the store is held
        self.rewound = False  # held for its revision: only an operator can say that it is right
        self.changed = asyncio.Event()  # since the file was last written
        self.decided = asyncio.Event()  # set while the store is held
        self._acceptances = 0

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The witness of a file; a new one, that accepts the first store it meets, where there is none."""
        witness = cls(path)
        try:
            kept = json.loads(path.read_bytes()) if path else None
        except FileNotFoundError:
            return witness
        except ValueError:
            log.warning("the witness file cannot be read: the store is taken as it is", path=str(path))
            return witness
        if kept:
            witness.known = Identity(kept["cluster"], kept["revision"])
            witness.contact = datetime.fromisoformat(kept["contact"])
            if kept["held"]:
                witness._hold(kept["held"], rewound=kept["rewound"])
        return witness

    def save(self) -> None:
        """Write the file, in one piece or not at all."""
        self.changed.clear()
        if self._path is None or self.known is None:
            return
        kept = {
            "cluster": self.known.cluster,
            "revision": self.known.revision,
            "contact": self.contact.isoformat(),
            "held": self.held,
            "rewound": self.rewound,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)

    def inspect(self) -> Judge:
        """Before a request: raises `StoreHeld`, or returns the judge of its answer (see `driver.Inspect`)."""
        self.refuse_while_held()
        floor, acceptances = self.known, self._acceptances

        def judge(identity: Identity) -> None:
            self.refuse_while_held()
            if acceptances != self._acceptances:
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
            self._know(Identity(self.known.cluster, revision))

    def accept(self, identity: Identity) -> None:
        """Take this store for the one we know from now on."""
        self.held, self.rewound = None, False
        self.decided.clear()
        self._acceptances += 1
        self.known = None
        self._know(identity)

    def knows(self, identity: Identity) -> bool:
        """Whether this is the known store again, that another one stood in for; a rewound one is never known again."""
        if self.rewound or self.known is None:
            return False
        return identity.cluster == self.known.cluster and identity.revision >= self.known.revision

    def _judge(self, identity: Identity, floor: Identity | None) -> None:
        if self.known and identity.cluster != self.known.cluster:
            self._hold(f"its cluster id is {identity.cluster}, and we know {self.known.cluster}", rewound=False)
        elif floor and identity.revision < floor.revision:
            self._hold(f"its revision went back from {floor.revision} to {identity.revision}", rewound=True)
        self.refuse_while_held()
        revision = max(identity.revision, self.known.revision if self.known else 0)
        self._know(Identity(identity.cluster, revision))

    def _know(self, identity: Identity) -> None:
        self.contact = datetime.now(UTC)
        if identity != self.known:
            self.known = identity
            self.changed.set()

    def _hold(self, reason: str, *, rewound: bool) -> None:
        self.held, self.rewound = reason, rewound
        self.decided.set()
        self.changed.set()
        log.error(
            "the store is not the one we knew: nothing is read or written until it is accepted",
            reason=reason,
            last_contact=self.contact.isoformat(),
            remedy="if it was restored on purpose: deis-daemon accept-store",
        )
