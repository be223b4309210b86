"""`deis domains:…`: the names that an app answers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption
from libs.client.invocation import present
from libs.client.screen import Screen
from libs.client.suggestions import domain_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.domains import Domain

DomainArgument = Annotated[str, typer.Argument(metavar="DOMAIN", help="A host name, as www.example.com.")]


def domain_lines(screen: Screen, app: str, page: Page[Domain]) -> None:
    """An app's domains, one a line."""
    screen.heading(f"{app} Domains", note=shown(page))
    for domain in page.results:
        screen.line(domain.domain)


def list_(context: typer.Context, app: AppOption = None, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List an application's domains."""
    call = present(context)
    name, most = call.app(app), call.limit(limit)

    async def question(client: Client) -> Page[Domain]:
        return await client.domains.list(name, most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
    else:
        domain_lines(call.screen, name, page)


def add(context: typer.Context, domain: DomainArgument, app: AppOption = None, json: JsonOption = False) -> None:
    """Let an application answer to a domain. As in `domains:add www.example.com`."""
    call = present(context)
    name = call.app(app)

    async def question(client: Client) -> Domain:
        return await client.domains.add(name, domain)

    with call.screen.progress(f"Adding {domain} to {name}...", quiet=json):
        added = call.ask(question, note="Look with `deis domains` whether it was added.")
    if json:
        call.screen.json(added.as_json())


def remove(
    context: typer.Context,
    domain: Annotated[
        str, typer.Argument(metavar="DOMAIN", help="As `deis domains` has it.", autocompletion=domain_names)
    ],
    app: AppOption = None,
) -> None:
    """Let an application answer to a domain no more."""
    call = present(context)
    name = call.app(app)

    async def question(client: Client) -> None:
        await client.domains.remove(name, domain)

    with call.screen.progress(f"Removing {domain} from {name}..."):
        call.ask(question, note="Look with `deis domains` whether it was removed.")


COMMANDS = {"add": add, "list": list_, "remove": remove}
