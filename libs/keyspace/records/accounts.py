"""Who may do what. Only hashes of passwords and tokens are ever stored."""

from __future__ import annotations

from datetime import datetime

from libs.keyspace.document import Document, Sealed


class User(Document):
    """An account, under `users/<name>`."""

    username: str
    password: str  # an argon2id hash in PHC string form (RFC 9106), or `!directory`: the directory knows it
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    is_superuser: bool = False
    is_staff: bool = False
    is_active: bool = True
    cancelling: bool = False  # inactive because it is being cancelled
    date_joined: datetime
    last_login: datetime | None = None


class Token(Document):
    """A right to act as a user, under the SHA-256 (hex) of the token that the client holds.

    One that is older than its user's account is not valid: an earlier account of the same name had it. `used` is
    written at most once an hour.
    """

    username: str
    id: str = ""  # by which its user names it; the hash is told to nobody
    name: str = ""  # what its user made it for; empty: a login
    created: datetime
    used: datetime | None = None


class SshKey(Document):
    """A public key with which a user may push, under `keys/<sha256>`, the SHA-256 (hex) of the key's blob."""

    uuid: str
    id: str  # the user's name for it
    owner: str
    public: str  # `<type> <base64> [comment]`, as the user gave it
    fingerprint: str  # of its MD5, in hexadecimal with colons, as v1's builder and OpenSSH before 6.8 show it
    created: datetime


class Cert(Document):
    """A certificate with its key (sealed for `cert:<common name>`), under `certs/<common name>`, in lower case."""

    common_name: str
    owner: str
    certificate: str  # PEM, the leaf first and its chain behind it
    key: Sealed  # PEM
    names: tuple[str, ...] = ()  # its subject alternative names
    fingerprint: str = ""  # of its SHA-256, in hexadecimal with colons
    expires: datetime
    created: datetime
