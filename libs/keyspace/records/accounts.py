"""Who may do what. Only hashes of passwords and tokens are ever stored."""

from __future__ import annotations

from datetime import datetime

from libs.keyspace.document import Document


class User(Document):
    """An account, under `users/<name>`."""

    username: str
    password: str  # an argon2id hash in PHC string form (RFC 9106)
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    is_superuser: bool = False
    is_staff: bool = False
    is_active: bool = True
    date_joined: datetime
    last_login: datetime | None = None


class Token(Document):
    """A right to act as a user, under the SHA-256 (hex) of the token that the client holds."""

    username: str
    created: datetime
