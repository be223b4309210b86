"""Accounts: who there is and who is asking, and the room's parts put together."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial

from libs.keyspace import BadKey, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import EventToken, User
from libs.store import Store
from libs.store.shelf import Shelf
from services.controller import audit
from services.controller.asker import shows
from services.controller.directory_logins import DirectoryLogins, is_of_directory
from services.controller.errors import BadFields, BadRequest, Forbidden, NotAuthenticated, NotFound, Throttled
from services.controller.events import Events
from services.controller.fields import Body, Fields
from services.controller.leaving import Leaving
from services.controller.passwords import Passwords
from services.controller.picture import Picture
from services.controller.registration import Registration
from services.controller.superusers import Superusers
from services.controller.throttle import Throttle
from services.controller.tokens import Tokens, token_in

BAD_LOGIN = "Unable to log in with provided credentials."
DISABLED = "User account is disabled."
UNKNOWN = "User inactive or deleted"
ELSEWHERE = "The password of {} is the directory's (LDAP); change it there."


class Accounts:
    """Tells who sent a request, logs users in, and changes passwords.

    Its parts: `tokens`, `registration`, `superusers`, `leaving` (cancelling an account), `throttle`.
    """

    def __init__(  # noqa: PLR0913 - its parts, by name
        self,
        store: Store,
        keyspace: Keyspace,
        picture: Picture,
        *,
        passwords: Passwords,
        directory: DirectoryLogins,
        events: Events,
    ) -> None:
        self._users = Shelf(store, keyspace.users)
        self._picture = picture
        self._passwords = passwords
        self._directory = directory
        self.throttle = Throttle()
        self.tokens = Tokens(store, keyspace, picture)
        self.superusers = Superusers(store, keyspace, picture)
        self.registration = Registration(store, keyspace, picture, passwords, self.superusers)
        self.leaving = Leaving(store, keyspace, picture, tokens=self.tokens, superusers=self.superusers, events=events)

    async def authenticated(self, header: str | None) -> User:
        """The active user whose token this header carries; raises `NotAuthenticated`.

        A token or a user that the mirror lacks is asked for in the store: another controller may just have written it.
        """
        text = token_in(header)
        if text is None:
            raise NotAuthenticated
        held = await self.tokens.find(text)
        if held is None:
            raise NotAuthenticated("Invalid token")
        username = held.token.username
        user = self._picture.users.mirror.get(username) or await self.find(username)
        if user is None or not user.is_active:
            raise NotAuthenticated(UNKNOWN)
        if held.token.created < user.date_joined:
            raise NotAuthenticated("Invalid token")  # it was an earlier account's of the same name
        self.tokens.used(held)
        shows(username, EventToken(id=held.id, name=held.token.name) if held.token.name else None)
        return user

    async def find(self, username: str) -> User | None:
        """An account, as the store has it now."""
        try:
            stored = await self._users.get(username)
        except BadKey:
            return None
        return stored.document if stored else None

    async def still(self, user: User) -> bool:
        """Whether this account is there and active now.

        Ask it after a write that goes by the account's name: it may have been cancelled meanwhile, and then the write
        must be undone, or a later account of the name inherits it.
        """
        present = await self.find(user.username)
        return present is not None and present.is_active and _same(present, user)

    async def undo_if_gone(self, user: User, undo: Callable[[], Awaitable[object]]) -> None:
        """Undo what this account just wrote for itself if it was cancelled meanwhile, and raise `NotAuthenticated`."""
        if not await self.still(user):
            await undo()
            raise NotAuthenticated(UNKNOWN)

    async def login(self, body: Body, address: str) -> str:
        """A new token for who gives a name and its password. Earlier ones stay valid: only their hashes are known.

        `address`: the client's. Raises `BadFields`, `Throttled`.
        """
        fields = Fields(body)
        username = fields.text("username")
        password = fields.text("password")
        fields.check()
        user = await self._proved(username, password, address)
        if user is None:
            await self._note_refused("login refused", username, address)
            raise BadFields(non_field_errors=BAD_LOGIN)
        if not user.is_active:
            audit.note("login refused", by=user.username, active=False)
            raise BadFields(non_field_errors=DISABLED)
        made = await self.tokens.make(user)
        stored = await self._users.update(lambda present: _logged_in(present, user), user.username)
        if stored is None or not stored.document.is_active or not _same(stored.document, user):
            await self.tokens.end(made.sha256)  # the account was cancelled meanwhile
            raise BadFields(non_field_errors=BAD_LOGIN)
        await self._picture.users.reach(stored.revision)
        audit.note("logged in", by=user.username, id=made.id)
        return made.text

    async def set_password(self, body: Body, asking: User, address: str) -> None:
        """Change one's own password, knowing it, or as a superuser anyone's. Tokens stay as they are.

        Raises `Forbidden`, `NotFound`, `BadFields`, `BadRequest`, `Throttled`.
        """
        fields = Fields(body)
        username = fields.text("username", required=False) or asking.username
        if username != asking.username and not asking.is_superuser:
            raise Forbidden
        user = await self.find(username)
        if user is None:
            raise NotFound
        if is_of_directory(user) and self._directory.configured:
            raise BadRequest(ELSEWHERE.format(username))
        new = fields.text("new_password", longest=128)
        must_know = not asking.is_superuser
        password = fields.text("password", required=must_know, blank=not must_know)
        fields.check()
        if password and await self._proved(username, password, address) is None:
            await self._note_refused("password refused", username, address, asking.username)
            raise BadRequest("Current password does not match")
        hashed = await self._passwords.hash(new)
        stored = await self._users.update(
            lambda present: present.changed(password=hashed) if _same(present, user) else present, username
        )
        if stored is None:
            raise NotFound
        await self._picture.users.reach(stored.revision)
        audit.note("password set", by=asking.username, whom=username)

    async def _note_refused(self, act: str, username: str, address: str, by: str = "") -> None:
        """Write of a wrong password, and of the pause that it began; what is tried meanwhile has no line."""
        whom = username if await self.find(username) is not None else audit.NOBODY
        pause = {}
        for name in {username, username.lower()}:  # by the latter a directory's account is counted
            try:
                self.throttle.check(name, address)
            except Throttled as throttled:
                pause = {"pause_seconds": math.ceil(throttled.seconds)}
        audit.note(act, by=by or whom, whom=whom, **pause)

    async def _proved(self, username: str, password: str, address: str) -> User | None:
        """The account whose password this is; None, counted as a failure, where it is not."""
        permit = partial(self.throttle.check, username, address)
        permit()
        user = await self.find(username)
        if self._directory.knows(username, user):
            name = username.lower()  # to the directory all its writings are one account
            permit, failed = partial(self.throttle.check, name, address), partial(self.throttle.failed, name, address)
            user = await self._directory.proved(username, password, permit=permit, failed=failed)
            if user is not None:
                self.throttle.succeeded(name)
            return user
        hashed = user.password if user and not is_of_directory(user) else None
        if not await self._passwords.verify(hashed, password, permit=permit) or user is None:
            self.throttle.failed(username, address)
            return None
        self.throttle.succeeded(username)
        return user


def _same(present: User, user: User) -> bool:
    """Whether a record is that account's, and not a later one's of the same name."""
    return present.date_joined == user.date_joined


def _logged_in(present: User, user: User) -> User:
    return present.changed(last_login=now()) if present.is_active and _same(present, user) else present
