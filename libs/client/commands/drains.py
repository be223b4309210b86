"""`deis drains:…`: where an app's log lines are sent, and for administrators every app's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from libs.client.commands.listing import shown
from libs.client.commands.options import AppOption, JsonOption, LimitOption
from libs.client.errors import BadArgument
from libs.client.files import expanded, read_text
from libs.client.invocation import Invocation, present
from libs.client.pairs import parse_pairs
from libs.client.screen import RED
from libs.client.suggestions import drain_names, starting_with

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.client import Client
    from libs.client.api.drains import Drain, DrainState

FILTER = re.compile(r"[a-z]+")
FILTERS = ("process=", "instance=", "release=", "stream=", "grep=", "level=")
SCHEMES = ("syslog://", "syslog+tls://", "https://", "http://")

PlatformOption = Annotated[
    bool, typer.Option("--platform", help="Of the whole platform, with every app's lines; administrators only.")
]
DrainArgument = Annotated[
    str, typer.Argument(metavar="ID", help="As `deis drains` has it.", autocompletion=drain_names)
]


def scope(call: Invocation, app: str | None, *, platform: bool) -> str | None:
    """The app whose drains are meant; None for the platform's."""
    if platform and app:
        raise BadArgument(f'"--platform" has the lines of every app, "--app {app}" those of one: give one of them')
    if platform:
        call.profile()
        return None
    return call.app(app)


def list_(
    context: typer.Context,
    app: AppOption = None,
    platform: PlatformOption = False,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """List where an application's log lines are sent."""
    call = present(context)
    of, most = scope(call, app, platform=platform), call.limit(limit)

    async def question(client: Client) -> Page[Drain]:
        return await client.drains.list(of, most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{of or 'Platform'} Drains", note=shown(page))
    rows = [(drain.id, drain.url, filters(drain), in_brief(drain.state)) for drain in page.results]
    call.screen.rows(("id", "url", "filters", "state"), rows)


def filters(drain: Drain) -> str:
    """The filters as they are given; nothing for none."""
    return " ".join(f"{name}={value}" for name, value in sorted(drain.select.items()))


def in_brief(state: DrainState | None) -> str:
    """How a drain fares, in few words."""
    if state is None:
        return "nothing sent yet"
    words = [f"failing since {state.failing}" if state.failing else "", f"{state.sent} sent"]
    words += [f"{count} {what}" for count, what in ((state.dropped, "dropped"), (state.waiting, "waiting")) if count]
    return ", ".join(word for word in words if word)


def show(call: Invocation, drain: Drain) -> None:
    """One drain and how it fares."""
    screen, state = call.screen, drain.state
    screen.heading(f"{drain.app or 'Platform'} Drain {drain.id}")
    facts: dict[str, object] = {
        "url": drain.url,
        "filters": filters(drain) or "none",
        "token": drain.token,
        "certificate": "shows one" if drain.client_certificate else "shows none",
        "owner": drain.owner,
        "created": drain.created,
    }
    if state is None:
        facts["state"] = in_brief(None)
    else:
        facts |= {"sent": state.sent, "dropped": state.dropped, "waiting": state.waiting}
        facts |= {"sent until": state.until} if state.until else {}
    screen.facts(facts)
    if state is not None and (state.failing or state.error):
        since = f" since {state.failing}" if state.failing else ""
        screen.line(f"{screen.styled('failing', RED)}{since}: {screen.visible(state.error)}")


def info(
    context: typer.Context,
    drain: DrainArgument,
    app: AppOption = None,
    platform: PlatformOption = False,
    json: JsonOption = False,
) -> None:
    """Show a drain: what was sent, dropped and still waits, in lines, and why it fails where it does."""
    call = present(context)
    of = scope(call, app, platform=platform)

    async def question(client: Client) -> Drain:
        return await client.drains.get(of, drain)

    found = call.ask(question)
    if json:
        call.screen.json(found.as_json())
    else:
        show(call, found)


def add(  # noqa: PLR0913, PLR0917 - what a drain takes
    context: typer.Context,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="syslog://HOST:PORT, syslog+tls://HOST:PORT or https://USER:PASSWORD@HOST/PATH.",
            autocompletion=starting_with(SCHEMES),
        ),
    ],
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="FILTER=VALUE",
            help="Only lines that pass; as `deis logs` has them: process=web, level=error. Repeatable.",
            autocompletion=starting_with(FILTERS),
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--client-cert", metavar="FILE", help="What to show the receiver, in PEM.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--client-key", metavar="FILE", help="Its private key, in PEM.")] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca", metavar="FILE", help="Who signs the receiver's certificate, in PEM; else whom hosts trust."
        ),
    ] = None,
    app: AppOption = None,
    platform: PlatformOption = False,
    json: JsonOption = False,
) -> None:
    """Send an application's log lines to one more place. As in `drains:add syslog+tls://logs.example.com:6514`.

    syslog is RFC 5424 over TCP or TLS; https gets batches in Logplex's format. A receiver that is away holds up nobody:
    what waits for it is bounded, and it is told how many lines it did not get. Passwords and keys are encrypted before
    they are kept, and never shown.
    """
    call = present(context)
    of = scope(call, app, platform=platform)
    asked: dict[str, Any] = {"url": url}
    if select:
        asked["select"] = parse_pairs(select, FILTER, example="--select process=web")
    if (certificate is None) != (key is None):
        raise BadArgument("--client-cert and --client-key belong together: give both or neither")
    for field, file in (("client_certificate", certificate), ("client_key", key), ("ca", ca)):
        if file is not None:
            asked[field] = read_text(call.directory / expanded(file, call.environment))

    async def question(client: Client) -> Drain:
        return await client.drains.add(of, asked)

    whose = of or "the platform"
    with call.screen.progress(f"Adding a drain to {whose}...", quiet=json) as ending:
        added = call.ask(question, note=f"Look with `{listing(of)}` whether it was added.")
        ending.text = f"done, {added.id}"
    if json:
        call.screen.json(added.as_json())


def listing(of: str | None) -> str:
    """The command that lists these drains."""
    return f"deis drains -a {of}" if of else "deis drains --platform"


def remove(
    context: typer.Context, drain: DrainArgument, app: AppOption = None, platform: PlatformOption = False
) -> None:
    """Remove a drain: nothing is sent there any more, and what waits for it is dropped."""
    call = present(context)
    of = scope(call, app, platform=platform)

    async def question(client: Client) -> None:
        await client.drains.remove(of, drain)

    with call.screen.progress(f"Removing drain {drain} from {of or 'the platform'}..."):
        call.ask(question, note=f"Look with `{listing(of)}` whether it was removed.")


COMMANDS = {"list": list_, "add": add, "info": info, "remove": remove}
