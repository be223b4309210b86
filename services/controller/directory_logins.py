"""Logging in who a directory knows: it is asked first, and an account is made or brought up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module

import structlog

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import User
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf
from libs.vault import Vault
from services.controller import audit
from services.controller.directory import Directory, DirectorySettings, DirectoryUnavailable, Person
from services.controller.directory_settings import is_configured, read_settings
from services.controller.errors import NotReady
from services.controller.picture import Picture
from services.controller.registration import is_email, is_username

OF_DIRECTORY = "!directory"  # in place of a hash: no password has it
DRIVER = "services.controller.ldap_directory"  # imported where a directory is configured, and only there
AT_ONCE = 4
MOST_WAITING = 100  # further ones are told to come back
AWAY = (
    "The platform's directory (LDAP) cannot be asked, so that nobody knows whether this password is right; who has a "
    "password of the platform's own can log in. Try again soon; its operator finds the reason in the log."
)

log = structlog.get_logger("directory")


def is_of_directory(user: User) -> bool:
    """Whether the directory made this account: no other is ever logged in by it."""
    return user.password == OF_DIRECTORY


class DirectoryLogins:
    """Asks the directory that the platform's settings name, as they are now.

    An account that a user registered keeps its own password alone: nobody in the directory can take it by its name, and
    its password is not shown to the directory. The directory makes nobody a superuser.
    """

    def __init__(self, store: Store, keyspace: Keyspace, picture: Picture, vault: Vault) -> None:
        self._users = Shelf(store, keyspace.users)
        self._picture = picture
        self._vault = vault
        self._opened: tuple[DirectorySettings, Directory] | None = None
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._away = False

    @property
    def configured(self) -> bool:
        """Whether there is a directory to ask."""
        return is_configured(self._picture.platform.mirror)

    def knows(self, username: str, user: User | None) -> bool:
        """Whether a login of this name, which is this account's if there is one, is for the directory to judge."""
        return self.configured and (is_of_directory(user) if user is not None else is_username(username))

    async def proved(
        self, username: str, password: str, *, permit: Callable[[], None], failed: Callable[[], None]
    ) -> User | None:
        """The account of who the directory says this is; None, after `failed`, for nobody.

        `permit` may raise: it is asked when this attempt's turn has come, and sees how the ones before went. Raises
        `NotReady` while the directory is away: that says nothing of the password, and is no failure of who asks.
        """
        if self._waiting >= MOST_WAITING:
            raise NotReady("Too many log-ins at once; try again soon.")
        self._waiting += 1
        try:
            async with self._turn:
                permit()
                person = await self._ask(username, password)
                user = await self._account(person) if person is not None else None
                if user is None:
                    failed()
                return user
        finally:
            self._waiting -= 1

    async def _ask(self, username: str, password: str) -> Person | None:
        try:
            person = await (await self._directory()).check(username, password)
        except DirectoryUnavailable as error:
            if not self._away:
                log.error("the directory cannot be asked", reason=str(error))  # noqa: TRY400 - no defect of ours
            self._away = True
            raise NotReady(AWAY) from error
        if self._away:
            log.info("the directory answers again")
        self._away = False
        return person if person is not None and is_username(person.username) else None

    async def _directory(self) -> Directory:
        """The driver, opened anew after a change of the settings; aside, as importing it takes 0.2 s."""
        settings = read_settings(self._picture.platform.mirror, self._vault)
        if self._opened is None or self._opened[0] != settings:
            opened = await asyncio.to_thread(_open, settings)
            if self._opened is None or self._opened[0] != settings:  # another login may have been first
                self._opened = (settings, opened)
                self._away = False
        return self._opened[1]

    async def _account(self, person: Person) -> User | None:
        """The person's account, made or brought up to date; None where the name is another's."""
        name = person.username
        while True:
            user = _named(User(username=name, password=OF_DIRECTORY, date_joined=now()), person)
            try:
                revision = await self._users.create(user, name)
            except StaleRevision:
                stored = await self._users.update(lambda present: _named(present, person), name)
                if stored is None:
                    continue  # it was cancelled meanwhile
                user, revision = stored.document, stored.revision
            else:
                audit.note("registered", by=name, of="directory")
            await self._picture.users.reach(revision)
            if not is_of_directory(user):
                log.warning(
                    "the directory's user has the name of an account that is not the directory's", username=name
                )
                return None
            return user


def _open(settings: DirectorySettings) -> Directory:
    opened: Directory = import_module(DRIVER).open_directory(settings)
    return opened


def _named(user: User, person: Person) -> User:
    """With the names that the directory has, as long as accounts may have them; others' accounts as they are."""
    if not is_of_directory(user) or not user.is_active:
        return user
    return user.changed(
        first_name=person.first_name[:30],
        last_name=person.last_name[:30],
        email=person.email if len(person.email) <= 254 and is_email(person.email) else "",
    )
