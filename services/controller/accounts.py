"""Accounts: who there is, who is asking, and the tokens that say so. Only hashes are kept."""

from __future__ import annotations

import hashlib
import re
import secrets

import structlog

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import PlatformSetting, Token, User
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf
from services.controller.errors import BadFields, BadRequest, Forbidden, NotAuthenticated, NotFound
from services.controller.fields import UNIQUE, Body, Fields
from services.controller.passwords import Passwords
from services.controller.picture import Picture

TOKEN_BYTES = 20  # 160 random bits, 40 hexadecimal digits as v1's
TOKENS_KEPT = 100  # of a user; the oldest end first
FIRST_SUPERUSER = "first_superuser"
REGISTRATION_MODE = "registration_mode"

BAD_LOGIN = "Unable to log in with provided credentials."
DISABLED = "User account is disabled."

_USERNAME = re.compile(r"[\w.@+-]+")
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")

log = structlog.get_logger("accounts")


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


class Accounts:
    """Registers users, logs them in, and tells who sent a request."""

    def __init__(self, store: Store, keyspace: Keyspace, picture: Picture, passwords: Passwords) -> None:
        self._users = Shelf(store, keyspace.users)
        self._tokens = Shelf(store, keyspace.tokens)
        self._platform = Shelf(store, keyspace.platform)
        self._picture = picture
        self._passwords = passwords

    async def authenticated(self, header: str | None) -> User:
        """The active user whose token this header carries; raises `NotAuthenticated`.

        A token or a user that the mirror lacks is asked for in the store: another controller may just have written it.
        """
        token = token_in(header)
        if token is None:
            raise NotAuthenticated
        sha256 = hash_of(token)
        known = self._picture.tokens.mirror.get(sha256)
        if known is None:
            stored = await self._tokens.get(sha256)
            if stored is None:
                raise NotAuthenticated("Invalid token")
            known = stored.document
        user = self._picture.users.mirror.get(known.username) or await self._fresh(known.username)
        if user is None or not user.is_active:
            raise NotAuthenticated("User inactive or deleted")
        return user

    async def _fresh(self, username: str) -> User | None:
        stored = await self._users.get(username)
        return stored.document if stored else None

    async def register(self, body: Body, asking: User | None) -> User:
        """A new account. The first one of a platform without a superuser is made one."""
        self._refuse_when_closed(asking)
        fields = Fields(body)
        username = fields.text("username", longest=30)
        password = fields.text("password", blank=False, longest=128)
        email = fields.text("email", required=False, blank=True, longest=254)
        first_name = fields.text("first_name", required=False, blank=True, longest=30)
        last_name = fields.text("last_name", required=False, blank=True, longest=30)
        if username and not _USERNAME.fullmatch(username):
            fields.wrongly("username", "Enter a valid username.")
        if email and not _EMAIL.fullmatch(email):
            fields.wrongly("email", "Enter a valid email address.")
        if username and self._picture.users.mirror.get(username):
            fields.wrongly("username", UNIQUE)
        fields.check()
        user = User(
            username=username,
            password=await self._passwords.hash(password),
            email=email,
            first_name=first_name,
            last_name=last_name,
            date_joined=now(),
        )
        try:
            revision = await self._users.create(user, username)
        except StaleRevision as error:
            raise BadFields(username=UNIQUE) from error
        await self._see_to_a_superuser(username)
        stored = await self._users.get(username)
        await self._picture.users.reach(max(revision, stored.revision if stored else 0))
        log.info("registered", username=username, superuser=bool(stored and stored.document.is_superuser))
        return stored.document if stored else user

    def _refuse_when_closed(self, asking: User | None) -> None:
        setting = self._picture.platform.mirror.get(REGISTRATION_MODE)
        mode = setting.value if setting else "enabled"
        if mode == "disabled":
            raise Forbidden("Registration is disabled")
        if mode == "admin_only" and asking is None:
            raise Forbidden("Authentication credentials were not provided.")
        if mode == "admin_only" and asking is not None and not asking.is_superuser:
            raise Forbidden

    async def _see_to_a_superuser(self, newcomer: str) -> None:
        """Where there is no superuser, let exactly one user be it: who holds the claim in `platform/first_superuser`.

        The claim is one key, so of several first users one gets it; it names a user that exists, so that whoever comes
        next completes what a crash cut short.
        """
        users = {stored.document.username: stored.document for stored in await self._users.list()}
        if any(user.is_superuser for user in users.values()):
            return
        claim = await self._platform.get(FIRST_SUPERUSER)
        if claim is None or claim.document.value not in users:
            mine = PlatformSetting(value=newcomer)
            try:
                if claim is None:
                    await self._platform.create(mine, FIRST_SUPERUSER)
                else:
                    await self._platform.put(mine, FIRST_SUPERUSER, expect=claim.revision)
            except StaleRevision:
                await self._see_to_a_superuser(newcomer)
                return
            chosen = newcomer
        else:
            chosen = str(claim.document.value)
        await self._users.update(lambda user: user.changed(is_superuser=True, is_staff=True), chosen)

    async def login(self, body: Body) -> str:
        """A new token for who gives a name and its password. Earlier ones stay valid: only their hashes are known."""
        fields = Fields(body)
        username = fields.text("username")
        password = fields.text("password")
        fields.check()
        user = self._picture.users.mirror.get(username) or await self._fresh(username)
        if not await self._passwords.verify(user.password if user else None, password) or user is None:
            raise BadFields(non_field_errors=BAD_LOGIN)
        if not user.is_active:
            raise BadFields(non_field_errors=DISABLED)
        token = await self._new_token(username)
        stored = await self._users.update(lambda present: present.changed(last_login=now()), username)
        if stored is not None:
            await self._picture.users.reach(stored.revision)
        return token

    async def set_password(self, body: Body, asking: User) -> None:
        """Change one's own password, knowing it, or as a superuser anyone's. Tokens stay as they are."""
        fields = Fields(body)
        username = fields.text("username", required=False) or asking.username
        new = fields.text("new_password", longest=128)
        must_know = username == asking.username and not asking.is_superuser
        password = fields.text("password", required=must_know, blank=not must_know)
        fields.check()
        if username != asking.username and not asking.is_superuser:
            raise Forbidden
        user = await self._fresh(username)
        if user is None:
            raise NotFound
        if password and not await self._passwords.verify(user.password, password):
            raise BadRequest("Current password does not match")
        hashed = await self._passwords.hash(new)
        stored = await self._users.update(lambda present: present.changed(password=hashed), username)
        if stored is not None:
            await self._picture.users.reach(stored.revision)

    async def _new_token(self, username: str) -> str:
        own = [(t.created, parts) for parts, t in self._picture.tokens.mirror.items() if t.username == username]
        for _, parts in sorted(own)[: max(0, len(own) + 1 - TOKENS_KEPT)]:
            await self._tokens.delete(*parts)
        token = secrets.token_hex(TOKEN_BYTES)
        revision = await self._tokens.create(Token(username=username, created=now()), hash_of(token))
        await self._picture.tokens.reach(revision)
        return token
