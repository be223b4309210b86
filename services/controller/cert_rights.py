"""Whose a certificate's name is: who may put his own in another's place, and who may not have one there. Pure.

Routers serve the certificate of a name to whoever comes to it, so a name belongs to who may use the app that has it.
"""

from __future__ import annotations

from libs.keyspace.records import App, Cert, Domain, User
from libs.store.mirror import Mirror
from services.controller.access import may_own, may_see
from services.controller.errors import Forbidden
from services.controller.fields import UNIQUE
from services.controller.hostnames import fqdn


class CertRights:
    """The rules, by the apps and users that there are. `platform`: its domain."""

    def __init__(self, apps: Mirror[App], users: Mirror[User], platform: str) -> None:
        self._apps = apps
        self._users = users
        self._platform = fqdn(platform)

    def app_at(self, name: str, domain: Domain | None) -> App | None:
        """The app that is reached at a name; `domain`: the record of that name."""
        return self._apps.get(domain.app if domain is not None else name.removesuffix(f".{self._platform}"))

    def refuse_foreign(self, name: str, domain: Domain | None, user: User) -> None:
        """Raise `Forbidden` for a name at which another one's app, or the platform itself, is reached."""
        app = self.app_at(name, domain)
        platforms = name == self._platform or name.endswith(f".{self._platform}")
        if user.is_superuser or (app is not None and may_see(user, app)):
            return
        if domain is not None:
            raise Forbidden(f"The domain {name} is already in use by another app")
        if platforms:
            raise Forbidden(f"Names below {self._platform} are the platform's own, but for those of your apps.")

    def may_displace(self, user: User, cert: Cert, app: App | None) -> bool:
        """Whether a user may replace and remove another's certificate of a name, `app` being the one that has it.

        Its owner may, and a collaborator where the certificate is a stranger's; a superuser may always.
        """
        if user.is_superuser or app is None:
            return user.is_superuser
        return may_own(user, app) or (may_see(user, app) and self.is_strangers(cert, app))

    def is_strangers(self, cert: Cert, app: App) -> bool:
        """Whether a certificate is of somebody who may not use the app."""
        owner = self._users.get(cert.owner)
        return owner is None or not may_see(owner, app)


def taken(name: str, cert: Cert, user: User, app: App | None) -> list[str]:
    """What to say to who may not displace a certificate. A stranger learns that there is one, and no more."""
    if cert.owner == user.username:
        return [UNIQUE]
    if app is not None and may_see(user, app):
        return [
            UNIQUE,
            f"{cert.owner}, who may use the app {app.id} too, has it; {app.owner} may replace and remove it.",
        ]
    return [UNIQUE, f"Another user has it. Add the domain {name} to an app of yours first: it is yours then."]
