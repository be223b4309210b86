"""Changes that the controller deploys: they take a while, and go on without the command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from libs.client.invocation import Invocation, goes_on
from libs.client.screen import Ending

if TYPE_CHECKING:
    from libs.client.api.client import Client

T = TypeVar("T")


def deploy(call: Invocation, app: str, question: Callable[[Client], Awaitable[T]], ending: Ending) -> T:
    """The answer, once the change is out; on a terminal the progress line says meanwhile what the rollout does."""

    def say(text: str) -> None:
        ending.meanwhile = text

    async def watched(client: Client) -> T:
        from libs.client.watching import told_meanwhile  # noqa: PLC0415 - brings aiohttp

        return await told_meanwhile(client, app, question(client), say)

    return call.ask(watched if call.screen.lively else question, note=goes_on(app))


def deploy_change(call: Invocation, app: str, label: str, change: Callable[[Client], Awaitable[str | None]]) -> None:
    """Deploy a change that makes a release, which ends the progress line where the controller names it."""
    with call.screen.progress(label) as ending:
        release = deploy(call, app, change, ending)
        ending.text = f"done, {release}" if release else "done"
    call.screen.line()
