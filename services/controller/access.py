"""Who may do what with an app: v1's rules."""

from __future__ import annotations

from libs.keyspace.records import App, User


def may_see(user: User, app: App) -> bool:
    """A superuser, the owner and the collaborators see an app."""
    return user.is_superuser or user.username == app.owner or user.username in app.collaborators


def may_use(user: User, app: App, method: str) -> bool:
    """A collaborator may do all that is no HTTP DELETE; a superuser and the owner may do all."""
    if user.username in app.collaborators and method == "DELETE":
        return may_own(user, app)
    return may_see(user, app)


def may_own(user: User, app: App) -> bool:
    """Only a superuser and the owner may give an app away."""
    return user.is_superuser or user.username == app.owner
