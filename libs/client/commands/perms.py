"""`deis perms:…`: who may use an app, and who administers the platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from libs.client.api.errors import Forbidden
from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption
from libs.client.errors import BadArgument
from libs.client.invocation import Invocation, present
from libs.client.suggestions import collaborators, user_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.perms import Administrator

AdminFlag = Annotated[bool, typer.Option("--admin", help="Of the whole platform, in place of one app.")]


def scope(call: Invocation, app: str | None, *, admin: bool) -> str | None:
    """The app that is meant, or None for the platform; `BadArgument` if both were named."""
    if admin and app:
        raise BadArgument("give --app or --admin, not both")
    return None if admin else call.app(app)


def list_(
    context: typer.Context,
    app: AppOption = None,
    admin: AdminFlag = False,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List the users that an application is shared with, or the administrators. Its owner is none of them."""
    call = present(context)
    name, most = scope(call, app, admin=admin), call.limit(limit)

    async def of_app(client: Client) -> tuple[str, ...]:
        return await client.perms.of_app(name or "")

    async def of_platform(client: Client) -> Page[Administrator]:
        return await client.perms.administrators(most)

    users: list[dict[str, Any]]
    if name is None:
        page = call.ask(of_platform)
        users, heading, note = page.as_json(), "Administrators", shown(page)
    else:
        users, heading, note = [{"username": user} for user in call.ask(of_app)], f"{name}'s Users", ""
    if json:
        call.screen.json(users)
        return
    call.screen.heading(heading, note=note)
    for user in users:
        call.screen.line(call.screen.visible(user["username"]))


def create(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whom to add.", autocompletion=user_names)],
    app: AppOption = None,
    admin: AdminFlag = False,
) -> None:
    """Share an application with a user, who may then do all but destroy it; or make an administrator."""
    call = present(context)
    name = scope(call, app, admin=admin)

    async def question(client: Client) -> None:
        await (client.perms.promote(username) if name is None else client.perms.share(name, username))

    group = "system administrators" if name is None else f"{name} collaborators"
    with call.screen.progress(f"Adding {username} to {group}..."):
        call.ask(question, note="Look with `deis perms` whether that was done.")


def delete(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whom to remove.", autocompletion=collaborators)],
    app: AppOption = None,
    admin: AdminFlag = False,
) -> None:
    """Share an application with a user no more, or make an administrator a plain user."""
    call = present(context)
    name = scope(call, app, admin=admin)

    async def question(client: Client) -> None:
        try:
            await (client.perms.demote(username) if name is None else client.perms.unshare(name, username))
        except Forbidden as refused:
            if name:
                refused.add_note(f"Is {username} one of them? `deis perms -a {name}` lists whom it is shared with.")
            raise

    group = "system administrators" if name is None else f"{name} collaborators"
    with call.screen.progress(f"Removing {username} from {group}..."):
        call.ask(question, note="Look with `deis perms` whether that was done.")


COMMANDS = {"list": list_, "create": create, "delete": delete}
