"""`deis auth:…`: accounts and logins."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.controller import controller_url
from libs.client.api.errors import ClientError, Conflict, Forbidden, NotAuthenticated, Refused
from libs.client.commands.options import JsonOption
from libs.client.errors import BadArgument, BadProfile
from libs.client.invocation import Invocation, present, whose_token
from libs.client.profile import Profile, given_profile, parse_verify

if TYPE_CHECKING:
    from libs.client.api.client import Client

ControllerArgument = Annotated[str, typer.Argument(metavar="CONTROLLER", help="Its URL, as http://deis.example.com")]
UsernameOption = Annotated[str | None, typer.Option("-u", "--username", help="Asked for where not given.")]
PasswordOption = Annotated[str | None, typer.Option("-p", "--password", help="Asked for where not given.")]
EmailOption = Annotated[str | None, typer.Option("--email", help="Asked for where not given; may be empty.")]
VerifyOption = Annotated[
    str, typer.Option("--ssl-verify", metavar="true|false", help="Whether the controller's certificate must be valid.")
]

BEFORE_THE_FILE = "DEIS_TOKEN is set, and goes before what is logged in: unset it to use the login."
REVOKING_SECONDS = 2.0  # a logout waits no longer for a controller that may be out of reach


def register(  # noqa: PLR0913, PLR0917 - what v1 takes
    context: typer.Context,
    controller: ControllerArgument,
    username: UsernameOption = None,
    password: PasswordOption = None,
    email: EmailOption = None,
    ssl_verify: VerifyOption = "true",
) -> None:
    """Register a new user with a controller, and log in.

    The very first user of a controller becomes its administrator.
    """
    call = present(context)
    url, verify = controller_url(controller), parse_verify(ssl_verify)
    call.ask_at(url, greet, ssl_verify=verify)
    username = username or call.prompts.line("username", option="--username")
    password = password or call.prompts.new_password("password", option="--password")
    if email is None:
        email = call.prompts.line("email", option="--email")

    async def registering(client: Client) -> str:
        try:
            user = await client.auth.register(username, password, email)
        except Refused as refused:
            refused.prefix = "Registration failed: "
            if isinstance(refused, Forbidden):
                refused.add_note(who_registers(refused, url))
            raise
        return user.username

    # Where only administrators may register others, it is the present login that counts, at its own controller alone.
    present_login = given_profile(call.environment) or call.profiles.find()
    token = present_login.token if present_login and present_login.controller == url else None
    call.screen.line(f"Registered {call.ask_at(url, registering, token=token, ssl_verify=verify)}")
    log_in(call, Profile(username, url, "", verify), password)


def who_registers(refused: Forbidden, url: str) -> str:
    """What an administrator can do for somebody who may not register."""
    if "disabled" in refused.detail.lower():
        return (
            f"An administrator of {url} can allow it, to administrators alone or to all:"
            " `deis platform:set registration=admin_only` or `registration=enabled`."
        )
    return f"An administrator of {url} can register you, while logged in there."


def login(  # noqa: PLR0913, PLR0917 - what v1 takes, and a token
    context: typer.Context,
    controller: ControllerArgument,
    username: UsernameOption = None,
    password: PasswordOption = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", metavar="TOKEN", help="Keep this token in place of a password's; - reads it from standard input."
        ),
    ] = None,
    ssl_verify: VerifyOption = "true",
) -> None:
    """Log in to a controller.

    Programs need no login: DEIS_CONTROLLER (the URL) and DEIS_TOKEN (of `deis tokens:create NAME`) in the environment
    go before what was logged in, with DEIS_SSL_VERIFY=false where that is needed.
    """
    call = present(context)
    url, verify = controller_url(controller), parse_verify(ssl_verify)
    if token is not None:
        if username or password:
            raise BadArgument("give --token alone: it says whose it is")
        take_token(call, url, token, ssl_verify=verify)
        return
    call.ask_at(url, greet, ssl_verify=verify)
    username = username or call.prompts.line("username", option="--username")
    password = password or call.prompts.password("password", option="--password")
    log_in(call, Profile(username, url, "", verify), password)


def take_token(call: Invocation, url: str, token: str, *, ssl_verify: bool) -> None:
    """Keep a token that was made before, once the controller has said whose it is."""
    if token == "-":  # noqa: S105 - standard input
        token = call.prompts.secret("token", option="--token TOKEN")
    call.ask_at(url, greet, ssl_verify=ssl_verify)
    try:
        username = call.ask_at(url, whose_token, token=token, ssl_verify=ssl_verify)
    except NotAuthenticated as refused:
        refused.prefix = "The token is not valid there, and was not kept: "
        raise
    keep(call, Profile(username, url, token, ssl_verify))


def log_in(call: Invocation, profile: Profile, password: str) -> None:
    """Get a token for the profile and keep both."""

    async def question(client: Client) -> str:
        return await client.auth.login(profile.username, password)

    token = call.ask_at(profile.controller, question, ssl_verify=profile.ssl_verify)
    keep(call, replace(profile, token=token))


def keep(call: Invocation, profile: Profile) -> None:
    """Write the login down."""
    call.profiles.save(profile)
    call.screen.line(f"Logged in as {profile.username}")
    if call.environment.get("DEIS_TOKEN"):
        call.screen.warn(BEFORE_THE_FILE)


def logout(context: typer.Context) -> None:
    """Forget the login on this machine, and end it at the controller, where that can be reached."""
    call = present(context)
    profile = None
    with contextlib.suppress(BadProfile):
        profile = call.profiles.find()
    call.profiles.forget()
    if profile:
        with contextlib.suppress(ClientError, TimeoutError):
            call.ask_at(profile.controller, end_login, token=profile.token, ssl_verify=profile.ssl_verify)
    call.screen.line("Logged out")
    if call.environment.get("DEIS_TOKEN"):
        call.screen.warn("DEIS_TOKEN is still set, and is valid still: `deis tokens:revoke` ends it.")


async def end_login(client: Client) -> None:
    """End the token that is shown; an older controller keeps it. Errors: `ClientError`, `TimeoutError`."""
    import asyncio  # noqa: PLC0415 - takes a twentieth of a second

    async with asyncio.timeout(REVOKING_SECONDS):
        await client.tokens.revoke()


def whoami(context: typer.Context, json: JsonOption = False) -> None:
    """Show who is logged in, and where."""
    call = present(context)
    profile, username = call.profile(), call.username()
    if json:
        call.screen.json({"username": username, "controller": profile.controller})
    else:
        call.screen.line(f"You are {username} at {profile.controller}")


def passwd(
    context: typer.Context,
    password: PasswordOption = None,
    new_password: Annotated[str | None, typer.Option("--new-password", help="Asked for where not given.")] = None,
    username: Annotated[str | None, typer.Option("-u", "--username", help="Another user; administrators only.")] = None,
) -> None:
    """Change the password. Logins stay valid."""
    call = present(context)
    call.profile()
    if password is None and username is None:
        password = call.prompts.password("current password", option="--password")
    new = new_password or call.prompts.new_password("new password", option="--new-password")

    async def question(client: Client) -> None:
        try:
            await client.auth.change_password(new, current=password, username=username)
        except Refused as refused:
            refused.prefix = "Password change failed: "
            raise

    call.ask(question)
    call.screen.line("Password change succeeded.")


def cancel(
    context: typer.Context,
    username: Annotated[
        str | None, typer.Option("-u", "--username", help="Whose account; yours where not given.")
    ] = None,
    password: PasswordOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
) -> None:
    """Cancel an account, whose applications must have been destroyed or transferred before.

    You log in to it for that. An administrator cancels another's with --username and without its password.
    """
    call = present(context)
    profile = call.profile()
    name = username or call.username()
    others = username is not None and password is None
    if not others:
        call.screen.line("Please log in again in order to cancel this account")
        password = password or call.prompts.password("password", option="--password")
    if not yes:
        question = f"cancel account {name} at {profile.controller}? (y/N)"
        if call.prompts.line(question, option="--yes").strip().lower() not in {"y", "yes"}:
            call.screen.warn("Account not changed")
            return

    async def cancelling(client: Client) -> None:
        try:
            await (client.auth.cancel(name) if others else cancel_own(client, name, password or ""))
        except Refused as refused:
            refused.prefix = "Account not changed: "
            if isinstance(refused, Conflict) and "application" in refused.detail:
                refused.add_note("Destroy each (`deis destroy -a APP`), or `deis apps:transfer USERNAME -a APP`.")
            raise

    call.ask(cancelling, note=f"Try `deis login {profile.controller}` to see whether the account is there.")
    if name == profile.username:
        call.profiles.forget()
    call.screen.line("Account cancelled")


async def cancel_own(client: Client, name: str, password: str) -> None:
    """Log in to an account and remove it; the login ends in any case. Errors: `ClientError`."""
    own = client.with_token(await client.auth.login(name, password))
    try:
        await own.auth.cancel()
    except ClientError:
        with contextlib.suppress(ClientError):
            await own.tokens.revoke()
        raise


def regenerate(
    context: typer.Context,
    username: Annotated[str | None, typer.Option("-u", "--username", help="Another user; administrators only.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every user; administrators only.")] = False,
    json: JsonOption = False,
) -> None:
    """Make a new token in place of all that a user has: every other login and program of that user ends."""
    call = present(context)
    profile = call.profile()
    if everyone and username:
        raise BadArgument("give --username or --all, not both")
    own = not everyone and username in {None, profile.username}
    if own and call.is_given():
        raise BadArgument("DEIS_TOKEN is set, which this would end: unset it, and log in with `deis login` for that")

    async def question(client: Client) -> str:
        if everyone:
            await client.auth.regenerate_all()
            return ""
        return await client.auth.regenerate(None if own else username)

    token = call.ask(question, note="If you are asked to log in from now on, it was done.")
    if own:
        call.profiles.save(replace(profile, token=token))
    if json:
        call.screen.json({"token": token} if token else {})
    else:
        call.screen.line("Token Regenerated")
    if everyone:
        call.screen.warn(f"Your own login has ended too: `deis login {profile.controller}`.")


async def greet(client: Client) -> None:
    """Make sure that a controller answers, before anything secret is typed or sent."""
    await client.connection.greet()


COMMANDS = {
    "register": register,
    "login": login,
    "logout": logout,
    "passwd": passwd,
    "whoami": whoami,
    "cancel": cancel,
    "regenerate": regenerate,
}
