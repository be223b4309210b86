"""Tokens: what says who sends a request. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from libs.keyspace import BadKey, BadRecord, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Token, User
from libs.store import Store
from libs.store.mirror import Moved
from libs.store.shelf import Shelf
from services.controller.errors import BadFields, NotAuthenticated
from services.controller.fields import UNIQUE
from services.controller.picture import Picture

TOKEN_BYTES = 20  # 160 random bits, 40 hexadecimal digits as v1's
LOGINS_KEPT = 100  # tokens of a user's logins; who logs in again ends the one that was not used for longest
MOST_NAMED = 100  # of a user
USED_EVERY = timedelta(hours=1)  # at most so often is a token's use written
MOST_USES = 10_000  # waiting to be written; one that is left out is seen again at the token's next request

log = structlog.get_logger("tokens")


@dataclass(frozen=True)
class Held:
    """A token's record with its hash, by which the store knows it."""

    sha256: str
    token: Token

    @property
    def id(self) -> str:
        """By which its user names it; one from before there were ids goes by the beginning of its hash."""
        return self.token.id or self.sha256[:16]


@dataclass(frozen=True)
class Made:
    """A new token: the only time that it is seen in the clear."""

    text: str
    sha256: str
    id: str


def hash_of(token: str) -> str:
    """The form in which a token is kept. It is random enough to need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def token_in(header: str | None) -> str | None:
    """The token of an `Authorization` header, None when it is of another scheme; raises `NotAuthenticated`."""
    words = (header or "").split()
    if not words or words[0].lower() != "token":
        return None
    if len(words) == 1:
        raise NotAuthenticated("Invalid token header. No credentials provided.")
    if len(words) > 2:
        raise NotAuthenticated("Invalid token header. Token string should not contain spaces.")
    return words[1]


class Tokens:
    """Makes, finds and ends tokens, and writes when they were used."""

    def __init__(self, store: Store, keyspace: Keyspace, picture: Picture) -> None:
        self._store = store
        self._collection = keyspace.tokens
        self._shelf = Shelf(store, keyspace.tokens)
        self._picture = picture
        self._by_user: dict[str, dict[str, Token]] = {}  # and by hash
        self._uses: dict[str, datetime] = {}  # by hash, to be written
        picture.tokens.mirror.on_change(self._sort)

    def _sort(self, changes: Sequence[Moved[Token]]) -> None:
        for change in changes:
            if change.old is not None:
                own = self._by_user.get(change.old.username, {})
                own.pop(change.parts[0], None)
                if not own:
                    self._by_user.pop(change.old.username, None)
            if change.new is not None:
                self._by_user.setdefault(change.new.username, {})[change.parts[0]] = change.new

    async def find(self, text: str) -> Held | None:
        """The token, which another controller may just have written: one that the mirror lacks is asked for."""
        sha256 = hash_of(text)
        known = self._picture.tokens.mirror.get(sha256)
        if known is None:
            try:
                stored = await self._shelf.get(sha256)
            except BadRecord:
                return None
            known = stored.document if stored else None
        return Held(sha256, known) if known else None

    def of(self, user: User) -> list[Held]:
        """A user's valid tokens, newest first."""
        own = (Held(sha256, token) for sha256, token in self._by_user.get(user.username, {}).items())
        valid = (held for held in own if held.token.created >= user.date_joined)
        return sorted(valid, key=lambda held: (held.token.created, held.sha256), reverse=True)

    def by_id(self, id_: str) -> Held | None:
        """Anybody's token."""
        every = (Held(parts[0], token) for parts, token in self._picture.tokens.mirror.items())
        return next((held for held in every if held.id == id_), None)

    async def make(self, user: User, name: str = "") -> Made:
        """One more token; raises `BadFields` for a name that the user has, or one too many.

        It is not older than the account, whatever the clocks of two controllers say.
        """
        own = self.of(user)
        logins = [held for held in own if not held.token.name]
        if name and name in {held.token.name for held in own}:
            raise BadFields(name=UNIQUE)
        if name and len(own) - len(logins) >= MOST_NAMED:
            raise BadFields(name=f"You have {MOST_NAMED} named tokens, which is the most; revoke one before.")
        text, id_ = secrets.token_hex(TOKEN_BYTES), secrets.token_hex(8)
        made = Made(text, hash_of(text), id_)
        token = Token(username=user.username, id=id_, name=name, created=max(now(), user.date_joined))
        revision = await self._shelf.create(token, made.sha256)
        if name and await self._has_twin(user, name, revision):
            await self._shelf.delete(made.sha256)
            raise BadFields(name=UNIQUE)
        if not name:
            longest = sorted(logins, key=lambda held: held.token.used or held.token.created)
            for held in longest[: max(0, len(logins) + 1 - LOGINS_KEPT)]:
                await self._shelf.delete(held.sha256)
        await self._picture.tokens.reach(revision)
        return made

    async def _has_twin(self, user: User, name: str, revision: int) -> bool:
        """Whether the user had a token of this name already when this one was written, through any controller."""
        for entry in (await self._store.list(self._collection.under())).entries:
            if entry.created < revision and (held := self._read(entry.key, entry.value)) is not None:
                twin = held.token.username == user.username and held.token.name == name
                if twin and held.token.created >= user.date_joined:
                    return True
        return False

    async def end(self, sha256: str) -> None:
        """End one: no controller takes it any more once its mirror has seen that."""
        await self._shelf.delete(sha256)
        await self._gone([sha256])

    async def end_all(self, username: str | None = None, *, but: str = "") -> int:
        """End every token of a user, or of all, as the store has them now; returns how many. `but`: a hash to spare."""
        ended = []
        for entry in (await self._store.list(self._collection.under())).entries:
            held = self._read(entry.key, entry.value)
            if held is not None and username in {None, held.token.username} and held.sha256 != but:
                await self._store.delete(entry.key)
                ended.append(held.sha256)
        await self._gone(ended)
        return len(ended)

    def _read(self, key: str, value: bytes) -> Held | None:
        """The token of an entry; None for what is none, and so nobody's."""
        try:
            return Held(self._collection.parse(key)[0], Token.decode(value))
        except (BadRecord, BadKey):
            return None

    async def _gone(self, ended: Sequence[str]) -> None:
        mirror = self._picture.tokens.mirror
        await self._picture.tokens.until(
            lambda: None if any(mirror.get(sha256) for sha256 in ended) else True, limit=2.0
        )

    def used(self, held: Held) -> None:
        """Note that a request showed this token; `write_uses` writes it later."""
        last, at = held.token.used, now()
        if (last is None or at - last >= USED_EVERY) and (len(self._uses) < MOST_USES or held.sha256 in self._uses):
            self._uses[held.sha256] = at

    async def write_uses(self) -> None:
        """Write the uses that were noted. One that another controller wrote within the hour stays."""
        while self._uses:
            sha256, at = next(iter(self._uses.items()))

            def mark(token: Token, at: datetime = at) -> Token:
                return token if token.used is not None and at - token.used < USED_EVERY else token.changed(used=at)

            try:
                await self._shelf.update(mark, sha256)
            except BadRecord as error:
                log.warning("a token's use was not written", reason=str(error))
            self._uses.pop(sha256, None)
