"""`deis apps:…`: apps themselves."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.controller import app_url, git_url
from libs.client.api.errors import NotFound
from libs.client.commands.domains import domain_lines
from libs.client.commands.listing import shown
from libs.client.commands.logs import logs
from libs.client.commands.options import AppOption, JsonOption, LimitOption
from libs.client.commands.ps import show_processes, tell_why_none
from libs.client.commands.rollouts import watch
from libs.client.commands.running import run
from libs.client.errors import BadArgument, Declined, GitFailed
from libs.client.evidence import in_brief
from libs.client.invocation import Invocation, present
from libs.client.pairs import parse_buildpack
from libs.client.screen import RED, Screen

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.apps import App
    from libs.client.api.client import Client
    from libs.client.api.domains import Domain
    from libs.client.api.events import Event
    from libs.client.api.processes import Process


def create(  # noqa: PLR0913, PLR0917 - what v1 takes
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A DNS label; made up where not given.", show_default=False)
    ] = None,
    remote: Annotated[str, typer.Option("-r", "--remote", help="The name of the git remote.")] = "deis",
    no_remote: Annotated[bool, typer.Option("--no-remote", help="Add no git remote.")] = False,
    buildpack: Annotated[str | None, typer.Option("-b", "--buildpack", help="A buildpack's URL to build with.")] = None,
    json: JsonOption = False,
) -> None:
    """Create an application. As in `apps:create fancy-paper`."""
    call = present(context)
    call.profile()
    if buildpack is not None:
        parse_buildpack(buildpack)

    async def question(client: Client) -> App:
        created = await client.apps.create(name)
        if buildpack:
            await client.config.change(created.id, values={"BUILDPACK_URL": buildpack})
        return created

    with call.screen.progress("Creating Application...", quiet=json) as ending:
        app = call.ask(question, note="Look with `deis apps` whether it was created.")
        ending.text = f"done, created {app.id}"
    if json:
        call.screen.json(app.as_json())
    url = git_url(call.profile().controller, app.id)
    added = not no_remote and call.repository.exists()
    if added:
        add_remote(call, app.id, remote, quiet=json)
    if (added or no_remote) and not json:
        call.screen.line(f"remote available at {url}")


def add_remote(call: Invocation, app: str, name: str, *, quiet: bool = False) -> None:
    """Let git know the app; `GitFailed` if the remote's name is taken."""
    url = git_url(call.profile().controller, app)
    try:
        call.repository.add_remote(name, url)
    except GitFailed as failed:
        failed.add_note(
            f"The app {app} is there. To point a remote at it:\n  git remote set-url {name} {url}\n"
            f"or, under another name:\n  deis git:remote -a {app} -r OTHER"
        )
        raise
    if not quiet:
        call.screen.line(f"Git remote {name} added")


def list_(context: typer.Context, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List the applications that you may use."""
    call = present(context)
    most = call.limit(limit)

    async def question(client: Client) -> Page[App]:
        return await client.apps.list(most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading("Apps", note=shown(page))
    controller = call.profile().controller
    apps = sorted(page.results, key=lambda app: app.id)
    if call.screen.lively:
        call.screen.rows(("app", "owner", "url"), [(app.id, app.owner, app_url(controller, app.url)) for app in apps])
    else:
        for app in apps:
            call.screen.line(app.id)


def info(context: typer.Context, app: AppOption = None, json: JsonOption = False) -> None:
    """Show an application, its processes and its domains."""
    call = present(context)
    name, most = call.app(app), call.limit(None)

    async def question(client: Client) -> tuple[App, Page[Process], Page[Domain]]:
        found = await client.apps.get(name)
        return found, await client.processes.list(name, most), await client.domains.list(name, most)

    found, processes, domains = call.ask(question)
    if json:
        call.screen.json(
            {**found.as_json(), "processes": processes.as_json(), "domains": domains.as_json()},
        )
        return
    call.screen.heading(f"{found.id} Application")
    names = ("updated", "uuid", "created", "url", "owner", "id")
    under_way = {"rollout": in_brief(found.rollout)} if found.rollout else {}
    call.screen.facts({**{field: getattr(found, field) for field in names}, **under_way})
    show_alarms(call.screen, found)
    call.screen.line()
    show_processes(call.screen, name, processes.results)
    call.screen.line()
    domain_lines(call.screen, name, domains)
    if not processes.results:
        tell_why_none(call, name)


def show_alarms(screen: Screen, app: App) -> None:
    """What is wrong with what runs, if anything."""
    if app.alarms:
        screen.line()
        screen.heading(f"{app.id} Alarms")
    for alarm in app.alarms:
        kind = screen.styled(alarm.kind.replace("_", " "), RED)
        screen.line(f"{screen.visible(alarm.about)} {kind} since {alarm.since}: {alarm.message}")
        if alarm.last_lines:
            screen.below("its last lines:", *(f"    {line}" for line in alarm.last_lines))


def open_(
    context: typer.Context,
    app: AppOption = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the URL, open nothing.")] = False,
) -> None:
    """Open the application in a browser."""
    call = present(context)
    name = call.app(app)

    async def question(client: Client) -> str:
        return (await client.apps.get(name)).url

    url = app_url(call.profile().controller, call.ask(question))
    if only_print or not webbrowser.open(url):
        call.screen.line(url)


def destroy(
    context: typer.Context,
    app: AppOption = None,
    confirm: Annotated[str | None, typer.Option("--confirm", metavar="APP", help="The app's name, not asked.")] = None,
) -> None:
    """Destroy an application: its processes, releases, config and domains."""
    call = present(context)
    name = call.app(app)
    profile = call.profile()
    if confirm is None:
        call.screen.warn(
            " !    WARNING: Potentially Destructive Action\n"
            f" !    This command will destroy the application: {name}\n"
            f' !    To proceed, type "{name}" or re-run this command with --confirm={name}\n'
        )
        confirm = call.prompts.line("application", option=f"--confirm={name}")
    if confirm != name:
        raise Declined(f"App {name} does not match confirm {confirm}, aborting.")

    async def question(client: Client) -> None:
        await client.apps.destroy(name)

    call.screen.line(f"Destroying {name}...")
    with call.screen.progress("") as ending:
        call.ask(question, note=f"The controller goes on destroying {name}: watch `deis apps`.")
        ending.text = "done in {seconds}s"
    for remote in call.repository.remove_remotes(git_url(profile.controller, name)):
        call.screen.line(f"Git remote {remote} removed")


def transfer(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="The new owner.")],
    app: AppOption = None,
) -> None:
    """Transfer an application to another user."""
    call = present(context)
    name = call.app(app)

    async def question(client: Client) -> None:
        try:
            await client.apps.transfer(name, username)
        except NotFound as error:
            await client.apps.get(name)  # it is the app that may not be there
            raise BadArgument(f"user {username} was not found {error.verdict}") from error

    with call.screen.progress(f"Transferring {name} to {username}..."):
        call.ask(question, note="Look with `deis info` whose it is.")


def events(context: typer.Context, app: AppOption = None, limit: LimitOption = None, json: JsonOption = False) -> None:
    """Show who did what to an application, and when."""
    call = present(context)
    name, most = call.app(app), call.limit(limit)

    async def question(client: Client) -> Page[Event]:
        return await client.events.list(name, most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    call.screen.heading(f"{name} Events", note=shown(page))
    rows = [(event.created, event.kind, event.who, "; ".join(event.message.splitlines())) for event in page.results]
    call.screen.rows(("when", "what", "who", "message"), rows)


COMMANDS = {
    "create": create,
    "list": list_,
    "info": info,
    "open": open_,
    "logs": logs,
    "run": run,
    "watch": watch,
    "destroy": destroy,
    "transfer": transfer,
    "events": events,
}
