"""`deis auth:…`: accounts and logins."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.controller import controller_url
from libs.client.api.errors import ClientError, Conflict, Forbidden, Refused
from libs.client.commands.options import JsonOption
from libs.client.errors import BadArgument, BadProfile
from libs.client.invocation import Invocation, present
from libs.client.profile import Profile

if TYPE_CHECKING:
    from libs.client.api.client import Client

ControllerArgument = Annotated[str, typer.Argument(metavar="CONTROLLER", help="Its URL, as http://deis.example.com")]
UsernameOption = Annotated[str | None, typer.Option("-u", "--username", help="Asked for where not given.")]
PasswordOption = Annotated[str | None, typer.Option("-p", "--password", help="Asked for where not given.")]
EmailOption = Annotated[str | None, typer.Option("--email", help="Asked for where not given; may be empty.")]
VerifyOption = Annotated[
    str, typer.Option("--ssl-verify", metavar="true|false", help="Whether the controller's certificate must be valid.")
]

REVOKING_SECONDS = 2.0  # a logout waits no longer for a controller that may be out of reach
ANSWERS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


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
                refused.add_note(f"An administrator of {url} can register you, while logged in there.")
            raise
        return user.username

    # Where only administrators may register others, it is the present login that counts, at its own controller alone.
    present_login = call.profiles.find()
    token = present_login.token if present_login and present_login.controller == url else None
    call.screen.line(f"Registered {call.ask_at(url, registering, token=token, ssl_verify=verify)}")
    log_in(call, Profile(username, url, "", verify), password)


def login(
    context: typer.Context,
    controller: ControllerArgument,
    username: UsernameOption = None,
    password: PasswordOption = None,
    ssl_verify: VerifyOption = "true",
) -> None:
    """Log in to a controller."""
    call = present(context)
    url, verify = controller_url(controller), parse_verify(ssl_verify)
    call.ask_at(url, greet, ssl_verify=verify)
    username = username or call.prompts.line("username", option="--username")
    password = password or call.prompts.password("password", option="--password")
    log_in(call, Profile(username, url, "", verify), password)


def log_in(call: Invocation, profile: Profile, password: str) -> None:
    """Get a token for the profile and keep both."""

    async def question(client: Client) -> str:
        return await client.auth.login(profile.username, password)

    token = call.ask_at(profile.controller, question, ssl_verify=profile.ssl_verify)
    call.profiles.save(Profile(profile.username, profile.controller, token, profile.ssl_verify))
    call.screen.line(f"Logged in as {profile.username}")


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


async def end_login(client: Client) -> None:
    """End the token that is shown; an older controller keeps it. Errors: `ClientError`, `TimeoutError`."""
    import asyncio  # noqa: PLC0415 - takes a twentieth of a second

    async with asyncio.timeout(REVOKING_SECONDS):
        await client.tokens.revoke()


def whoami(context: typer.Context, json: JsonOption = False) -> None:
    """Show who is logged in, and where."""
    call = present(context)
    profile = call.profile()
    if json:
        call.screen.json({"username": profile.username, "controller": profile.controller})
    else:
        call.screen.line(f"You are {profile.username} at {profile.controller}")


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
    name = username or profile.username
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
            if isinstance(refused, Conflict):
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


def parse_verify(text: str) -> bool:
    """`true` or `false`; `BadArgument` otherwise."""
    answer = ANSWERS.get(text.lower())
    if answer is None:
        raise BadArgument(f'"--ssl-verify={text}" is neither true nor false')
    return answer


COMMANDS = {
    "register": register,
    "login": login,
    "logout": logout,
    "passwd": passwd,
    "whoami": whoami,
    "cancel": cancel,
    "regenerate": regenerate,
}
