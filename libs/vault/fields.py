"""Every sealed field of the key space: what a rotation seals anew. A test holds the records' own marks against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from libs.keyspace import Document, Sealed
from libs.keyspace.document import Part

SEALED_SETTINGS = frozenset({"builder_key", "ldap_bind_password"})  # names under `platform/`

Parts = tuple[str, ...]


@dataclass(frozen=True)
class SealedField:
    """One field of a collection's records. `place` is None for a record whose field is not sealed.

    `blank` is the text that stands for a lost one; without it, the record is nothing without its secret.
    """

    collection: str
    field: str  # dotted
    place: Callable[[Parts], str | None]
    title: str  # for people; of the record's fields, and `{parts}`
    blank: str | None = None

    def of(self, document: Document) -> Sealed | None:
        """The sealed text; None where there is none."""
        found: object = document
        for name in self.field.split("."):
            found = getattr(found, name, None)
        return Sealed(found) if isinstance(found, str) and found else None

    def written(self, document: Document, sealed: Sealed) -> Document:
        """The same record with another sealed text."""
        changed = _written(document, self.field.split("."), sealed)
        assert isinstance(changed, Document)
        return changed

    def name(self, parts: Parts, document: Document) -> str:
        """How people name the record."""
        return self.title.format(parts=parts, record=document)


def _written(part: Part, path: list[str], sealed: Sealed) -> Part:
    head, *rest = path
    return part.changed(**{head: _written(getattr(part, head), rest, sealed) if rest else sealed})


SEALED = (
    SealedField(
        "releases",
        "config.values",
        place=lambda parts: parts[0],
        title="config of {record.app} v{record.number}",
        blank="{}",
    ),
    SealedField(
        "certs",
        "key",
        place=lambda parts: f"cert:{parts[0]}",
        title="private key of the certificate {parts[0]}",
    ),
    SealedField(
        "drains",
        "secret",
        place=lambda parts: f"drain:{parts[1]}",
        title="password and key of the log drain {parts[1]}",
        blank="{}",
    ),
    SealedField(
        "platform",
        "value",
        place=lambda parts: f"platform:{parts[0]}" if parts[0] in SEALED_SETTINGS else None,
        title="platform setting {parts[0]}",
    ),
)
