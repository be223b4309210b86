"""`deis tokens:…`: what your logins and programs show for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.listing import shown
from libs.client.commands.options import JsonOption, LimitOption
from libs.client.errors import BadArgument
from libs.client.invocation import present
from libs.client.suggestions import token_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.tokens import NamedToken, Token

MOST = 1000  # tokens among which a name is looked for
OwnerOption = Annotated[
    str | None, typer.Option("-u", "--username", metavar="USERNAME", help="Another user; administrators only.")
]


def list_(
    context: typer.Context, username: OwnerOption = None, limit: LimitOption = None, json: JsonOption = False
) -> None:
    """List your tokens: of logins, without a name, and of programs. Last uses are written at most once an hour."""
    call = present(context)
    most = call.limit(limit)

    async def question(client: Client) -> Page[Token]:
        return await client.tokens.list(most, username)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{username or call.username()} Tokens", note=shown(page))
    call.screen.rows(("id", "name", "created", "last used", ""), [row(token) for token in page.results])


def row(token: Token) -> tuple[str, ...]:
    """A token's cells; the one that this command shows is marked."""
    marked = ("this login",) if token.current else ()
    return (token.id, token.name or "", token.created, token.last_used or "never", *marked)


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, as ci.")],
    json: JsonOption = False,
) -> None:
    """Make a token for a program, which may do what you may, except make and end tokens. It is shown this once.

    The program takes it from its environment, as in `DEIS_CONTROLLER=http://deis.example.com DEIS_TOKEN=… deis ps`, or
    keeps it: `deis login http://deis.example.com --token -` reads it from standard input.
    """
    call = present(context)
    call.profile()

    async def question(client: Client) -> NamedToken:
        return await client.tokens.create(name)

    with call.screen.progress(f"Creating token {name}...", quiet=json):
        made = call.ask(question, note="Look with `deis tokens` whether it was made.")
    if json:
        call.screen.json(made.as_json())
        return
    call.screen.line(made.token)
    if call.screen.lively:
        call.screen.warn("It is not shown again: keep it as you would a password.")
        call.screen.aside("A program takes it from DEIS_TOKEN, with DEIS_CONTROLLER: see `deis help tokens:create`.")


def revoke(
    context: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="As `deis tokens` has it.", autocompletion=token_names)
    ],
    username: OwnerOption = None,
) -> None:
    """End a token: what shows it is refused from then on."""
    call = present(context)
    call.profile()

    async def question(client: Client) -> bool:
        tokens = (await client.tokens.list(MOST, username)).results
        found = [token for token in tokens if token.id == which] or [token for token in tokens if token.name == which]
        if not found:
            whose = f" -u {username}" if username else ""
            raise BadArgument(f'there is no token "{which}": see `deis tokens{whose}` for their ids and names')
        await client.tokens.revoke(found[0].id)
        return found[0].current

    with call.screen.progress(f"Revoking token {which}..."):
        own = call.ask(question, note="Look with `deis tokens` whether it has ended.")
    if own and not call.is_given():
        call.profiles.forget()
        call.screen.line("Logged out")


COMMANDS = {"list": list_, "create": create, "revoke": revoke}
