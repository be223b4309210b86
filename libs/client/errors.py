"""What goes wrong on the user's own side of the line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from libs.client.api.errors import ClientError


class NotLoggedIn(ClientError):
    """The profile does not exist."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        super().__init__("Not logged in. Use 'deis login' or 'deis register' to get started.")


class BadProfile(ClientError):
    """The profile's file cannot be used."""

    def __init__(self, profile: Path, why: str) -> None:
        self.profile, self.why = profile, why
        super().__init__(f"the profile {profile} cannot be used: {why}.\nMend or remove it, and log in again.")


class BadArgument(ClientError):
    """A value that a command cannot take."""


class Declined(ClientError):
    """The user did not confirm."""


class GitFailed(ClientError):
    """git did not do what it was asked."""

    def __init__(self, arguments: Sequence[str], output: str) -> None:
        self.arguments, self.output = tuple(arguments), output
        super().__init__(f"`git {' '.join(arguments)}` failed: {output.strip() or 'it says nothing'}")


class NotOut(ClientError):
    """A release that was followed did not get out; `lines` are the last of an instance that failed."""

    def __init__(self, outcome: str, lines: Sequence[str]) -> None:
        self.outcome, self.lines = outcome, tuple(lines)
        super().__init__("\n".join([outcome, *(["its last lines:"] if lines else []), *lines]))


class TailEnded(ClientError):
    """A log that was followed goes on no more; the text says why."""


class Interrupted(ClientError):
    """The user pressed Ctrl-C while the controller was at work; `note` says what goes on."""

    exit_status = 130  # 128 + SIGINT, as a shell says it

    def __init__(self, note: str) -> None:
        self.note = note
        super().__init__(f"interrupted. {note}".rstrip())
