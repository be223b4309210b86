"""The git repository that the user stands in: it may know the app's name."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from libs.client.errors import BadArgument, GitFailed

SECONDS = 10.0
USUAL = "deis"  # what the remote of an app is called unless its user wants another name


@dataclass(frozen=True)
class Remote:
    """A remote and the URL that it fetches from."""

    name: str
    url: str


def parse_remotes(text: str) -> list[Remote]:
    """The remotes in the output of `git remote -v`, each once."""
    remotes = []
    for line in text.splitlines():
        name, _, rest = line.partition("\t")
        url = rest.rpartition(" (")[0] or rest
        if name and url and Remote(name, url) not in remotes:
            remotes.append(Remote(name, url))
    return remotes


def remote_host(url: str) -> str:
    """The host of a git URL, with or without a scheme (`ssh://git@host:2222/app.git`, `git@host:app.git`)."""
    if "://" not in url:
        host, colon, _ = url.partition(":")
        return host.rpartition("@")[2].lower() if colon and "/" not in host else ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def app_in(url: str) -> str:
    """The app that a URL is for: the last part of its path, without `.git`; empty where it has no path."""
    path = url.partition("://")[2].partition("/")[2] if "://" in url else url.partition(":")[2]
    return path.rstrip("/").rpartition("/")[2].removesuffix(".git")


def remote_app(remotes: Sequence[Remote], host: str) -> str | None:
    """The app of the remotes on the controller's host; of several, that of the remote that is called `deis`.

    `BadArgument` where they are of several apps and none is called so: which is meant is not to be guessed.
    """
    apps = {remote.name: app_in(remote.url) for remote in remotes if host and remote_host(remote.url) == host.lower()}
    apps = {name: app for name, app in apps.items() if app}
    if USUAL in apps:
        return apps[USUAL]
    if len(set(apps.values())) > 1:
        found = ", ".join(f"{name} of {app}" for name, app in sorted(apps.items()))
        raise BadArgument(f"which app? This repository has remotes of several: {found}. Name the app with -a APP")
    return next(iter(apps.values()), None)


class Repository:
    """The repository of a directory, if there is one. Its methods ask the `git` program."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def remotes(self) -> list[Remote]:
        """Its remotes; none where there is no repository or no git."""
        try:
            return parse_remotes(self._git("remote", "-v"))
        except GitFailed:
            return []

    def exists(self) -> bool:
        """Whether the directory is in a work tree."""
        try:
            return self._git("rev-parse", "--is-inside-work-tree").strip() == "true"
        except GitFailed:
            return False

    def add_remote(self, name: str, url: str) -> None:
        """Add a remote; `GitFailed` if the name is taken."""
        self._git("remote", "add", name, url)

    def remove_remotes(self, url: str) -> list[str]:
        """Remove the remotes with this URL; their names."""
        names = [remote.name for remote in self.remotes() if remote.url == url]
        for name in names:
            self._git("remote", "remove", name)
        return names

    def _git(self, *arguments: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, arguments passed as they are
                ["git", *arguments],  # noqa: S607 - the user's own git
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                text=True,
                errors="replace",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitFailed(arguments, str(error)) from error
        if done.returncode != 0:
            raise GitFailed(arguments, done.stderr)
        return done.stdout
