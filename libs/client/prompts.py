"""Questions to the user."""

from __future__ import annotations

import getpass
import sys

from libs.client.errors import BadArgument


class Prompts:
    """Asks on the terminal. Where input has ended, `BadArgument` says which option would answer."""

    def line(self, question: str, *, option: str) -> str:
        """One line, as typed."""
        try:
            return input(f"{question}: ")
        except EOFError as error:
            raise BadArgument(f"no {question} given: use {option}") from error

    def password(self, question: str, *, option: str) -> str:
        """A secret, not shown while it is typed; from a pipe, its next line."""
        if sys.stdin.isatty():
            try:
                return getpass.getpass(f"{question}: ")
            except EOFError as error:
                raise BadArgument(f"no {question} given: use {option}") from error
        return self.line(question, option=option)

    def new_password(self, question: str, *, option: str) -> str:
        """A secret, typed twice where somebody types; `BadArgument` if the two differ."""
        first = self.password(question, option=option)
        if not first:
            raise BadArgument(f"the {question} is empty")
        if sys.stdin.isatty() and self.password(f"{question} (confirm)", option=option) != first:
            raise BadArgument(f"the two entries of the {question} differ; nothing was changed")
        return first
