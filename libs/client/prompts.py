"""Questions to the user."""

from __future__ import annotations

import getpass
from typing import TextIO

from libs.client.errors import BadArgument


class Prompts:
    """Asks on `out` and reads from `source`. Where that has ended, `BadArgument` says which option would answer."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._source, self._out = source, out

    def line(self, question: str, *, option: str, ending: str = ": ", thing: str = "") -> str:
        """One line, as typed. `thing` is what is asked for, where the question is more than its name."""
        self._out.write(f"{question}{ending}")
        self._out.flush()
        answer = self._source.readline()
        if not answer:
            self._out.write("\n")
            raise BadArgument(
                f'nothing was answered to "{question}": use {option}'
                if "?" in question
                else f"no {thing or question} given: use {option}"
            )
        return answer.removesuffix("\n").removesuffix("\r")

    def password(self, question: str, *, option: str) -> str:
        """A secret, not shown while it is typed; from a pipe, its next line."""
        if not self._source.isatty():
            return self.line(question, option=option)
        try:
            return getpass.getpass(f"{question}: ")
        except EOFError as error:
            raise BadArgument(f"no {question} given: use {option}") from error

    def secret(self, question: str, *, option: str) -> str:
        """A secret for programs: the first line of a pipe, without a word; asked for where somebody types."""
        if self._source.isatty():
            return self.password(question, option=option).strip()
        found = self._source.readline().strip()
        if not found:
            raise BadArgument(f"no {question} came on standard input: use {option}")
        return found

    def new_password(self, question: str, *, option: str) -> str:
        """A secret, typed twice where somebody types; `BadArgument` if the two differ."""
        first = self.password(question, option=option)
        if not first:
            raise BadArgument(f"the {question} is empty")
        if self._source.isatty() and self.password(f"{question} (confirm)", option=option) != first:
            raise BadArgument(f"the two entries of the {question} differ; nothing was changed")
        return first
