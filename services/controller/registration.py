"""Registering: new accounts, where the platform's mode allows them."""

from __future__ import annotations

import re

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import User
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf
from services.controller.errors import BadFields, Forbidden
from services.controller.fields import UNIQUE, Body, Fields
from services.controller.passwords import Passwords
from services.controller.picture import Picture
from services.controller.platform_settings import REGISTRATION_MODE, value_of
from services.controller.superusers import Superusers

_USERNAME = re.compile(r"(?!\.+$)[\w.@+-]+", re.ASCII)  # of dots alone, it would climb out of a path
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f.]+(\.[^@\s\x00-\x1f.]+)*")


def is_username(text: str) -> bool:
    """Whether an account may have this name."""
    return len(text) <= 30 and _USERNAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether this is the form of an address."""
    return _EMAIL.fullmatch(text) is not None


class Registration:
    """Makes accounts. The first one of a platform without a superuser is made one."""

    def __init__(
        self, store: Store, keyspace: Keyspace, picture: Picture, passwords: Passwords, superusers: Superusers
    ) -> None:
        self._users = Shelf(store, keyspace.users)
        self._picture = picture
        self._passwords = passwords
        self._superusers = superusers

    async def register(self, body: Body, asking: User | None) -> User:
        """A new account; raises `Forbidden`, `BadFields`."""
        self._refuse_when_closed(asking)
        fields = Fields(body)
        username = fields.text("username", longest=30)
        password = fields.text("password", blank=False, longest=128)
        email = fields.text("email", required=False, blank=True, longest=254)
        first_name = fields.text("first_name", required=False, blank=True, longest=30)
        last_name = fields.text("last_name", required=False, blank=True, longest=30)
        if username and not _USERNAME.fullmatch(username):
            fields.wrongly("username", "Enter a valid username.")
        elif username and await self._users.get(username) is not None:
            fields.wrongly("username", UNIQUE)
        if email and not is_email(email):
            fields.wrongly("email", "Enter a valid email address.")
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
        await self._superusers.see_to_one(username)
        stored = await self._users.get(username)
        await self._picture.users.reach(max(revision, stored.revision if stored else 0))
        return stored.document if stored else user

    def _refuse_when_closed(self, asking: User | None) -> None:
        mode = value_of(self._picture, REGISTRATION_MODE)
        if mode == "disabled":
            raise Forbidden("Registration is disabled")
        if mode == "admin_only" and asking is None:
            raise Forbidden("Authentication credentials were not provided.")
        if mode == "admin_only" and asking is not None and not asking.is_superuser:
            raise Forbidden
