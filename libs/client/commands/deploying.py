"""Changes that the controller deploys: they take a while, and go on without the command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from libs.client.invocation import Invocation, goes_on
from libs.client.screen import Ending

if TYPE_CHECKING:
    from libs.client.api.client import Client

T = TypeVar("T")


def deploy(
    call: Invocation,
    app: str,
    question: Callable[[Client], Awaitable[T]],
    ending: Ending,
    *,
    logs: bool = False,
) -> T:
    """The answer, once the change is out; on a terminal the progress line says meanwhile what the rollout does.

    `logs` prints what new processes write, too. In a pipe without it nothing is followed, as in version 1.
    """

    async def followed(client: Client) -> T:
        from libs.client.watching import Heard, follow_change  # noqa: PLC0415 - brings aiohttp

        return await follow_change(client, question, Heard(app, ending, call.screen), logs=logs)

    return call.ask(followed if logs or call.screen.lively else question, note=goes_on(app))


def deploy_change(
    call: Invocation,
    app: str,
    label: str,
    change: Callable[[Client], Awaitable[str | None]],
    *,
    logs: bool = False,
) -> None:
    """Deploy a change that makes a release, which ends the progress line where the controller names it."""
    with call.screen.progress(label) as ending:
        release = deploy(call, app, change, ending, logs=logs)
        ending.text = f"done, {release}" if release else "done"
    call.screen.line()
