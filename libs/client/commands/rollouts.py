"""Rollouts that are followed on the screen: one release's, or all of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.commands.options import AppOption
from libs.client.errors import NotOut
from libs.client.evidence import outcome, progress
from libs.client.invocation import present
from libs.client.screen import RED, Screen

if TYPE_CHECKING:
    from libs.client.api.client import Client
    from libs.client.api.releases import Release

LinesOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs: one line at each change.")]
FELL = frozenset({"failed", "cancelled", "superseded"})


class Course:
    """The course of an app's releases as lines: each change of what is to be seen, or with `json` each change."""

    def __init__(self, screen: Screen, app: str, *, json: bool) -> None:
        self._screen, self._app, self._json = screen, app, json
        self._headed = self._shown = self._in_place = ""

    def told(self, release: Release) -> None:
        """The release is like this now."""
        if self._json:
            self._screen.json(release.as_json(), oneline=True)
        elif (line := progress(release)) != self._shown:
            self._head(release)
            if release.in_place and release.in_place != self._in_place and not release.settled:
                self._screen.line(f"in place    {release.in_place}")
                self._in_place = release.in_place
            self._screen.line(line)
            self._shown = line
        self._screen.flush()

    def _head(self, release: Release) -> None:
        heading = f"{self._app} Release v{release.version}"
        if heading != self._headed:
            self._screen.heading(heading)
            self._headed = heading

    def dropped(self, why: str, pause: float) -> None:
        """The connection did."""
        self._screen.warn(f"{why}; the rollout goes on, asking again in {pause:g}s")

    def ended(self, release: Release) -> None:
        """This is the outcome, and others may follow."""
        self._shown = self._in_place = ""
        if self._json:
            return
        fell = release.phase in FELL
        self._screen.line(outcome(release), style=RED if fell else "")
        if fell and release.last_lines:
            self._screen.below("its last lines:", *(f"    {line}" for line in release.last_lines))
        self._screen.flush()

    def over(self, release: Release) -> None:
        """This is the outcome, and all; `NotOut` where the release did not get out."""
        if release.phase in FELL:
            raise NotOut(outcome(release), release.last_lines or ())
        self.ended(release)


def watch(
    context: typer.Context,
    app: AppOption = None,
    forever: Annotated[bool, typer.Option("--forever", help="Follow what comes next, too, until Ctrl-C.")] = False,
    json: LinesOption = False,
) -> None:
    """Follow what an application is doing until it has settled. Ends with 1 where its newest release is not out."""
    call = present(context)
    name = call.app(app)
    course = Course(call.screen, name, json=json)

    async def question(client: Client) -> Release:
        from libs.client.watching import follow_app  # noqa: PLC0415 - brings aiohttp

        return await follow_app(client, name, course, forever=forever)

    course.over(call.ask(question, note=f"Whatever {name} is doing goes on: see `deis releases -a {name}`."))
