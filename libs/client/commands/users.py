"""`deis users:…`: all accounts, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from libs.client.commands.listing import shown
from libs.client.commands.options import JsonOption, LimitOption
from libs.client.invocation import present

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.auth import User
    from libs.client.api.client import Client


def list_(context: typer.Context, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List all users. For administrators."""
    call = present(context)
    most = call.limit(limit)

    async def question(client: Client) -> Page[User]:
        return await client.users.list(most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading("Users", note=shown(page))
    if call.screen.lively:
        rows = [(user.username, user.email, "yes" if user.is_superuser else "") for user in page.results]
        call.screen.rows(("user", "email", "administrator"), rows)
    else:
        for user in page.results:
            call.screen.line(user.username)


COMMANDS = {"list": list_}
