"""Who may do what: v1's rules."""

from __future__ import annotations

from libs.keyspace.records import App, User
from services.controller.errors import Forbidden


def may_see(user: User, app: App) -> bool:
    """A superuser, the owner and the collaborators see an app."""
    return user.is_superuser or user.username == app.owner or user.username in app.collaborators


def may_use(user: User, app: App, method: str) -> bool:
    """A collaborator may do all that is no HTTP DELETE; a superuser and the owner may do all."""
    if user.username in app.collaborators and method == "DELETE":
        return may_own(user, app)
    return may_see(user, app)


def may_own(user: User, app: App) -> bool:
    """Only a superuser and the owner may give an app away, and choose who else may use it."""
    return user.is_superuser or user.username == app.owner


def may_remove(user: User, app: App, collaborator: str) -> bool:
    """A collaborator may leave; a superuser and the owner may send anyone away."""
    return may_own(user, app) or (user.username == collaborator and may_see(user, app))


def require_superuser(user: User) -> None:
    """Raise `Forbidden` for anybody else."""
    if not user.is_superuser:
        raise Forbidden
