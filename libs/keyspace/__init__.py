"""Every key of the platform and the record behind it.

`Keyspace` builds and parses the keys; `records` holds the documents. A key has one writer, named in
`proto/keyspace.md`, and each document changes by one compare-and-swap of its own key.
"""

from libs.keyspace.document import BadRecord, Document, Sealed
from libs.keyspace.keys import BadKey, Collection, Keyspace

__all__ = ["BadKey", "BadRecord", "Collection", "Document", "Keyspace", "Sealed"]
