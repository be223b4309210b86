"""Superusers: the first one, further ones, and that there always is one."""

from __future__ import annotations

from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting, User
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf
from services.controller.errors import LastSuperuser, NotFound
from services.controller.picture import Picture

FIRST_SUPERUSER = "first_superuser"
LETS_GO = 5.0  # seconds that a registration waits for accounts that are being cancelled


class Superusers:
    """Keeps true that whoever registers becomes a superuser only where nobody could be one.

    The claim, `platform/first_superuser`, is one key and names one account. While that account is there no newcomer is
    chosen; so the claim is handed on before its holder loses the right or goes.
    """

    def __init__(self, store: Store, keyspace: Keyspace, picture: Picture) -> None:
        self._users = Shelf(store, keyspace.users)
        self._platform = Shelf(store, keyspace.platform)
        self._picture = picture

    async def see_to_one(self, newcomer: str) -> None:
        """Where there is no superuser, let exactly one user be it: who holds the claim.

        Of several first users one gets the claim; it names a user that exists, so that whoever comes next completes
        what a crash cut short.
        """
        users = await self._active()
        if not any(user.is_superuser for user in users.values()):
            await self._let_go()
            users = await self._active()
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
                await self.see_to_one(newcomer)
                return
            chosen = newcomer
        else:
            chosen = str(claim.document.value)
        await self._set(chosen, superuser=True)

    async def add(self, username: str) -> None:
        """Make a user one; raises `NotFound`."""
        await self._set(username, superuser=True)

    async def take(self, username: str) -> bool:
        """Take the right away; False where it was not there. Raises `NotFound`, `LastSuperuser` for the last one."""
        stored = await self._users.get(username)
        if stored is None:
            raise NotFound
        if not stored.document.is_superuser:
            return False
        await self.spare(username)
        await self._set(username, superuser=False)
        if not any(user.is_superuser for user in (await self._active()).values()):
            await self._set(username, superuser=True)  # two took the right from each other at once
            raise LastSuperuser(username)
        return True

    async def spare(self, username: str) -> None:
        """See that the platform can do without this user: raises `LastSuperuser`, or hands the claim on.

        The last superuser may go only as the last user at all.
        """
        while True:
            users = await self._active()
            going = users.pop(username, None)
            others = sorted(user.date_joined for user in users.values() if user.is_superuser)
            if not others and users and going is not None and going.is_superuser:
                raise LastSuperuser(username)
            claim = await self._platform.get(FIRST_SUPERUSER)
            if not others or claim is None or claim.document.value != username:
                return
            heir = next(name for name, user in users.items() if user.is_superuser and user.date_joined == others[0])
            try:
                await self._platform.put(PlatformSetting(value=heir), FIRST_SUPERUSER, expect=claim.revision)
            except StaleRevision:
                continue
            return

    async def require_one(self, username: str) -> None:
        """Raise `LastSuperuser` when there are users and no superuser among them, now that this one is inactive."""
        users = await self._active()
        if users and not any(user.is_superuser for user in users.values()):
            raise LastSuperuser(username)

    async def _let_go(self) -> None:
        """Wait until superusers being cancelled are gone or stay; not for long, as a crash may have left one so."""
        found = await self._users.list()
        await self._picture.users.reach(max((stored.revision for stored in found), default=0))

        def settled() -> bool | None:
            every = self._picture.users.mirror.items()
            return None if any(user.is_superuser and user.cancelling for _, user in every) else True

        await self._picture.users.until(settled, limit=LETS_GO)

    async def _active(self) -> dict[str, User]:
        """The users who may act, as the store has them now."""
        return {one.document.username: one.document for one in await self._users.list() if one.document.is_active}

    async def _set(self, username: str, *, superuser: bool) -> None:
        stored = await self._users.update(
            lambda user: user.changed(is_superuser=superuser, is_staff=superuser), username
        )
        if stored is None:
            raise NotFound
        await self._picture.users.reach(stored.revision)
