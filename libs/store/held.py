"""How a mirror holds documents: whole, or packed as they were stored and read again when they are asked for.

Whole is fastest. Packed is for collections that grow with a platform and its history: a rollout of 4 KB is 26 KB as a
document, and 0.3 KB packed, as the records of a collection are much alike; reading it again takes 50 µs.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, overload

from libs.keyspace import Collection, Document
from libs.store.shelf import Stored, read
from libs.store.store import Entry

D = TypeVar("D", bound=Document)

LEVEL, WINDOW, MEMORY = 3, 13, 5  # zlib's: some 30 µs to deflate a record, 2 to inflate it, 64 KB for the while
REVISION = 8  # bytes


@dataclass(frozen=True)
class Moved(Generic[D]):
    """One changed record: `old` is None when it is new, `new` when it was deleted."""

    parts: tuple[str, ...]
    old: D | None
    new: D | None


class Held(Protocol[D]):
    """Entries by key, with their documents. A form is an entry as it is held: it stays good when the entry changes."""

    def get(self, key: str) -> Stored[D] | None:
        """The document, None when there is none."""
        ...

    def form(self, key: str) -> Any | None:
        """The entry as it is held, None when there is none."""
        ...

    def is_same(self, entry: Entry) -> bool:
        """Whether this very entry is held."""
        ...

    def take(self, entry: Entry, stored: Stored[D]) -> Any:
        """Hold an entry that was read as `stored`; returns its form."""
        ...

    def drop(self, key: str) -> None:
        """Hold it no more."""
        ...

    def document(self, key: str, form: Any) -> D:
        """The document of a form."""
        ...


class Whole(Generic[D]):
    """Holds documents."""

    def __init__(self) -> None:
        self._by_key: dict[str, tuple[Stored[D], int]] = {}  # with a hash of the stored value

    def get(self, key: str) -> Stored[D] | None:
        """See `Held.get`."""
        held = self._by_key.get(key)
        return held[0] if held else None

    def form(self, key: str) -> Stored[D] | None:
        """See `Held.form`."""
        return self.get(key)

    def is_same(self, entry: Entry) -> bool:
        """See `Held.is_same`."""
        held = self._by_key.get(entry.key)
        return held is not None and (held[0].revision, held[1]) == (entry.revision, hash(entry.value))

    def take(self, entry: Entry, stored: Stored[D]) -> Stored[D]:
        """See `Held.take`."""
        self._by_key[entry.key] = (stored, hash(entry.value))
        return stored

    def drop(self, key: str) -> None:
        """See `Held.drop`."""
        del self._by_key[key]

    def document(self, key: str, form: Stored[D]) -> D:  # noqa: ARG002 - the seam's
        """See `Held.document`."""
        return form.document


Packing = bytes  # the revision, and behind it the stored value, deflated (RFC 1951) with the pattern as its dictionary


class Packed(Generic[D]):
    """Holds stored values, and the `recent` documents that were read or changed last.

    The first value is the pattern: what the others have in common with it costs them next to nothing.
    """

    def __init__(self, collection: Collection[D], recent: int) -> None:
        self._collection = collection
        self._most = recent
        self._pattern = b""
        self._by_key: dict[str, Packing] = {}
        self._recent: OrderedDict[str, tuple[Packing, Stored[D]]] = OrderedDict()

    def get(self, key: str) -> Stored[D] | None:
        """See `Held.get`."""
        if (recent := self._recent.get(key)) is not None:
            self._recent.move_to_end(key)
            return recent[1]
        form = self._by_key.get(key)
        if form is None:
            return None
        stored = self._read(key, form)
        self._keep(key, form, stored)
        return stored

    def form(self, key: str) -> Packing | None:
        """See `Held.form`."""
        return self._by_key.get(key)

    def is_same(self, entry: Entry) -> bool:
        """See `Held.is_same`."""
        form = self._by_key.get(entry.key)
        return form is not None and self._unpack(form) == (entry.revision, entry.value)

    def take(self, entry: Entry, stored: Stored[D]) -> Packing:
        """See `Held.take`."""
        form = self._by_key[entry.key] = self._pack(entry)
        self._keep(entry.key, form, stored)
        return form

    def drop(self, key: str) -> None:
        """See `Held.drop`."""
        del self._by_key[key]
        self._recent.pop(key, None)

    def document(self, key: str, form: Packing) -> D:
        """See `Held.document`."""
        recent = self._recent.get(key)
        return (recent[1] if recent and recent[0] is form else self._read(key, form)).document

    def _read(self, key: str, form: Packing) -> Stored[D]:
        revision, value = self._unpack(form)
        return read(self._collection, Entry(key, value, revision, 0))

    def _keep(self, key: str, form: Packing, stored: Stored[D]) -> None:
        self._recent[key] = (form, stored)
        self._recent.move_to_end(key)
        if len(self._recent) > self._most:
            self._recent.popitem(last=False)

    def _pack(self, entry: Entry) -> Packing:
        self._pattern = self._pattern or entry.value
        packer = zlib.compressobj(LEVEL, wbits=-WINDOW, memLevel=MEMORY, zdict=self._pattern)
        return entry.revision.to_bytes(REVISION, "big") + packer.compress(entry.value) + packer.flush()

    def _unpack(self, form: Packing) -> tuple[int, bytes]:
        unpacker = zlib.decompressobj(-WINDOW, zdict=self._pattern)
        return int.from_bytes(form[:REVISION], "big"), unpacker.decompress(form[REVISION:])


Turn = tuple[str, tuple[str, ...], Any, Any]  # a changed key with its components, and its old and new form


class Turns(Sequence[Moved[D]]):
    """Changes whose documents are read as they are looked at: all those of a long list at once would take much room."""

    def __init__(self, held: Held[D], turns: Sequence[Turn]) -> None:
        self._held, self._turns = held, turns

    def __len__(self) -> int:
        return len(self._turns)

    @overload
    def __getitem__(self, index: int) -> Moved[D]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Moved[D]]: ...
    def __getitem__(self, index: int | slice) -> Moved[D] | Sequence[Moved[D]]:
        if isinstance(index, slice):
            return Turns(self._held, self._turns[index])
        key, parts, old, new = self._turns[index]
        return Moved(parts, self._document(key, old), self._document(key, new))

    def _document(self, key: str, form: Any) -> D | None:
        return None if form is None else self._held.document(key, form)
