"""One run of the command: who asks which controller, from where, and on what screen."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import typer

from libs.client.api.controller import controller_host
from libs.client.api.errors import ClientError, Forbidden, NotAuthenticated, NotFound
from libs.client.errors import BadArgument, Interrupted
from libs.client.git import Repository, remote_app
from libs.client.profile import Profile, Profiles, given_profile, profile_path
from libs.client.prompts import Prompts
from libs.client.screen import Screen

if TYPE_CHECKING:  # brings aiohttp and pydantic, a fifth of a second: imported when a call is made
    from libs.client.api.client import Client

T = TypeVar("T")

OWNER_SECONDS = 3.0  # to learn whose an app is, which only makes an error clearer
MISMATCH = (
    " !    WARNING: Client and server API versions do not match. Please consider upgrading.\n"
    " !    Client version: {ours}\n !    Server version: {theirs}"
)


def goes_on(app: str) -> str:
    """What Ctrl-C does not end, and what would."""
    return (
        f"The controller goes on with it: `deis releases:watch -a {app}` follows it,"
        f" `deis releases:cancel -a {app}` ends it."
    )


def answer_seconds(environment: Mapping[str, str]) -> float | None:
    """How long an answer may take, from DEIS_TIMEOUT; None where it is not set. `BadArgument` if it is no time."""
    text = environment.get("DEIS_TIMEOUT", "")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise BadArgument(f'DEIS_TIMEOUT="{text}" is no time to wait: seconds are, as in DEIS_TIMEOUT=120')
    return seconds


async def say_who_may(client: Client, refused: Forbidden, username: str) -> None:
    """Note whose the app is that the user may not change or see; nothing where that is not what was wrong."""
    import asyncio  # noqa: PLC0415 - see above

    if not (refused.app and refused.by_right):
        return
    try:
        async with asyncio.timeout(OWNER_SECONDS):
            owner = (await client.apps.get(refused.app)).owner
    except (ClientError, TimeoutError):
        refused.add_note(
            f"The app {refused.app} is another's. Its owner can share it with you:"
            f" `deis perms:create {username} -a {refused.app}`."
        )
        return
    if owner != username:
        refused.add_note(f"The app {refused.app} is {owner}'s: only {owner} or an administrator may do this.")


async def whose_token(client: Client) -> str:
    """The name of the user in whose name is asked."""
    return (await client.auth.whoami()).username


def version() -> str:
    """The version of this command."""
    from importlib import metadata  # noqa: PLC0415 - takes a fortieth of a second

    return metadata.version("deis")


def agent() -> str:
    """What this command calls itself to servers."""
    return f"deis/{version()}"


@dataclass(frozen=True)
class Invocation:
    """What a command works with. `directory` is where the user stands."""

    screen: Screen
    prompts: Prompts
    profiles: Profiles
    directory: Path
    environment: Mapping[str, str]

    @property
    def repository(self) -> Repository:
        """The git repository that the user stands in, if any."""
        return Repository(self.directory)

    def profile(self) -> Profile:
        """The present login: DEIS_TOKEN's, else the file's. Errors: `NotLoggedIn`, `BadProfile`, `BadArgument`."""
        return given_profile(self.environment) or self.profiles.load()

    def is_given(self) -> bool:
        """Whether the login is DEIS_TOKEN's, of which there is no file."""
        return given_profile(self.environment) is not None

    def username(self) -> str:
        """Who is logged in; the controller is asked where only the token is known."""
        return self.profile().username or self.ask(whose_token)

    def limit(self, wanted: int | None) -> int:
        """How many objects a listing asks for: `wanted`, else the profile's."""
        return wanted if wanted and wanted > 0 else self.profile().limit

    def app(self, named: str | None) -> str:
        """The app that is meant: `named`, else that of a git remote on the controller's host, else the directory's.

        Errors: `NotLoggedIn`, `BadArgument`.
        """
        profile = self.profile()
        if named:
            return named
        found = remote_app(self.repository.remotes(), controller_host(profile.controller))
        if name := found or self.directory.name.lower():
            return name
        raise BadArgument("no app given: use -a APP")

    def ask(self, question: Callable[[Client], Awaitable[T]], *, note: str = "") -> T:
        """The answer of the present login's controller; `note` says what Ctrl-C does not end.

        Errors: `ClientError`.
        """
        profile = self.profile()

        async def explained(client: Client) -> T:
            try:
                return await question(client)
            except Forbidden as refused:
                await say_who_may(client, refused, profile.username or "USERNAME")
                raise

        try:
            return self.ask_at(
                profile.controller, explained, token=profile.token, ssl_verify=profile.ssl_verify, note=note
            )
        except NotAuthenticated as error:
            whose = f"{profile.username}'s at {profile.controller}, from {self.profiles.path}"
            error.add_note(f"(The login is {whose if profile.username else f'DEIS_TOKEN, for {profile.controller}'}.)")
            raise
        except NotFound as error:
            if error.subject == f"app {self.directory.name.lower()}":
                error.add_note("Name the app with -a, if you did not mean this directory's.")
            raise

    def ask_at(
        self,
        controller: str,
        question: Callable[[Client], Awaitable[T]],
        *,
        token: str | None = None,
        ssl_verify: bool = True,
        note: str = "",
    ) -> T:
        """The answer of any controller. Errors: `ClientError`."""
        import asyncio  # noqa: PLC0415 - see above

        from libs.client.api.client import open_client  # noqa: PLC0415
        from libs.client.api.connection import SPOKEN  # noqa: PLC0415

        seconds = answer_seconds(self.environment)
        opened = open_client if seconds is None else partial(open_client, seconds=seconds)

        async def asking() -> T:
            async with opened(controller, token=token, ssl_verify=ssl_verify, agent=agent()) as client:
                try:
                    return await question(client)
                finally:
                    if other := client.connection.other_version:
                        self.screen.warn(MISMATCH.format(ours=SPOKEN, theirs=other))

        try:
            return asyncio.run(asking())
        except KeyboardInterrupt as interrupt:
            raise Interrupted(note) from interrupt


def invocation(environment: Mapping[str, str]) -> Invocation:
    """The invocation of this process."""
    screen = Screen(sys.stdout, sys.stderr, environment)
    try:
        directory = Path.cwd()
    except FileNotFoundError:  # it was removed under the user's feet
        directory = Path("/")
    profiles = Profiles(profile_path(environment))
    return Invocation(screen, Prompts(sys.stdin, sys.stdout), profiles, directory, environment)


def present(context: typer.Context) -> Invocation:
    """The invocation that a command runs in."""
    return cast("Invocation", context.find_root().obj)
