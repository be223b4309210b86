"""What the user sees: v1's plain texts in a pipe, the same with colours and tables on a terminal."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from libs.client.controls import spelt_out, with_colours
from libs.client.errors import Interrupted
from libs.client.ticker import Ticker

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
RAW_IN_JSON = re.compile(r"[\x7f-\x9f]")  # control characters that JSON itself leaves as they are
GAP = 6  # columns between a key and its value, as in v1


class Screen:
    """Standard output and standard error of one command.

    `lively` says that output is a terminal: colours (unless NO_COLOR is set), tables and a clock on slow calls. In
    a pipe there is none of that, and every byte passes as it came. On a terminal no control character does that is not
    an end of a line, a tab or part of a colour, and values have no colours either.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out, self._err, self._clock = out, err, clock
        dumb = environment.get("TERM") == "dumb"
        self.lively = out.isatty() and not dumb
        allowed = not environment.get("NO_COLOR")
        self._terminal = {id(out): out.isatty(), id(err): err.isatty()}
        self._colour = {id(out): self.lively and allowed, id(err): err.isatty() and not dumb and allowed}

    def line(self, text: str = "", *, style: str = "") -> None:
        """One line on standard output."""
        self._out.write(self._harmless(self.styled(text, style), self._out) + "\n")

    def output(self, text: str) -> None:
        """What a program of the user's wrote, as it is."""
        self._out.write(self._harmless(text, self._out))

    def flush(self) -> None:
        """Let a reader have now what was written so far."""
        self._out.flush()

    @property
    def out(self) -> TextIO:
        """Standard output itself."""
        return self._out

    def visible(self, value: object) -> str:
        """A value as text; on a terminal its control characters, colours included, are spelt out."""
        return spelt_out(str(value)) if self._terminal[id(self._out)] else str(value)

    def _harmless(self, text: str, to: TextIO) -> str:
        return with_colours(text) if self._terminal[id(to)] else text

    def styled(self, text: str, style: str) -> str:
        """The text in an SGR style (ECMA-48, 8.3.117) where output has colours."""
        return f"\x1b[{style}m{text}\x1b[0m" if style and text and self._colour[id(self._out)] else text

    def heading(self, text: str, *, note: str = "") -> None:
        """`=== X Processes`, by which scripts find a listing."""
        self.line(self.styled(f"=== {text}", BOLD) + note)

    def subheading(self, text: str) -> None:
        """`--- web:`, a part of a listing."""
        self.line(f"--- {text}", style=BOLD)

    def below(self, *lines: str) -> None:
        """Lines that say more of the one above them."""
        for text in lines:
            self.line(f"    {text}")

    def pairs(self, values: Mapping[str, object], gap: int = GAP) -> None:
        """Keys and values in two columns; further lines of a value stand below its first."""
        width = max((len(key) for key in values), default=0) + gap
        for key, value in values.items():
            self._entry(self.styled(key, CYAN) + " " * (width - len(key)), width, value)

    def facts(self, facts: Mapping[str, object]) -> None:
        """`uuid:     …`, one thing's properties."""
        width = max((len(name) for name in facts), default=0) + 2
        for name, value in facts.items():
            self._entry(self.styled(f"{name}:".ljust(width), DIM) + " ", width + 1, value)

    def _entry(self, name: str, width: int, value: object) -> None:
        """A name that takes `width` columns, and behind it a value's lines, one below the other."""
        first, *more = self.visible(value).split("\n")
        self.line(name + first)
        for text in more:
            self.line(" " * width + text)

    def rows(self, headers: Sequence[str], rows: Iterable[Sequence[object]], *, joint: str = "\t") -> None:
        """A table on a terminal; in a pipe one line a row, its cells joined, without headers."""
        if not self.lively:
            for row in rows:
                self.line(joint.join(self.visible(cell) for cell in row))
            return
        # They cost a twentieth of a second, so they are imported only where a table is drawn.
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        coloured = self._colour[id(self._out)]
        table = Table(box=None, header_style="dim" if coloured else "", pad_edge=False, padding=(0, 2, 0, 0))
        for header in headers:
            table.add_column(header, overflow="fold")  # on a narrow terminal nothing is cut off
        for row in rows:
            table.add_row(*(Text(self.visible(cell)) for cell in row))
        if table.row_count:
            Console(file=self._out, no_color=not coloured).print(table)

    def json(self, value: Any, *, oneline: bool = False) -> None:
        """A value as JSON, for programs; on one line where values follow each other."""
        text = json.dumps(value, indent=None if oneline else 2, ensure_ascii=False)
        self.line(RAW_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))

    def warn(self, text: str) -> None:
        """A remark on standard error."""
        self._complain(text, YELLOW)

    def error(self, text: str) -> None:
        """`Error: …` on standard error."""
        self._complain(f"Error: {text}", RED)

    def aside(self, text: str) -> None:
        """A line that is no part of the answer, on standard error."""
        self._err.write(self._harmless(text, self._err) + "\n")
        self._err.flush()

    def _complain(self, text: str, style: str) -> None:
        first, *more = self._harmless(text, self._err).split("\n")
        first = f"\x1b[{style}m{first}\x1b[0m" if self._colour[id(self._err)] else first
        self._out.flush()
        self._err.write("\n".join([first, *more]) + "\n")
        self._err.flush()

    @contextmanager
    def progress(self, label: str, *, quiet: bool = False) -> Iterator[Ending]:
        """`label` now, the ending behind it when the block is over; on a terminal a clock runs meanwhile.

        A block that fails leaves `failed` behind the label. `quiet`, for what prints JSON, tells nothing of it.
        """
        ending = Ending(self.aside)
        if quiet:
            yield ending
            return
        start = f"{label} " if label else ""
        with Ticker(
            self._out,
            start,
            lively=self.lively,
            clock=self._clock,
            meanwhile=lambda: self.visible(ending.meanwhile),
        ) as ticker:
            if self.lively:
                ending.above = lambda text: ticker.above(self._harmless(text, self._out))
            try:
                yield ending
            except BaseException as error:
                interrupted = isinstance(error, Interrupted | KeyboardInterrupt)
                ending.text = self.styled("interrupted" if interrupted else "failed", RED)
                raise
            finally:
                ending.seconds = ticker.seconds
                ticker.finish(self._timed(ending))

    def _timed(self, ending: Ending) -> str:
        """How long a slow call took is told: where the ending asks for it (`{seconds}`), else on terminals alone."""
        if "{seconds}" in ending.text:
            return ending.text.replace("{seconds}", f"{ending.seconds:.0f}")
        took = f" ({ending.seconds:.0f}s)" if self.lively and ending.seconds >= 2 else ""
        return ending.text + self.styled(took, DIM)


class Ending:
    """How a progress line ends: `done` unless the block says otherwise; and what is going on `meanwhile`."""

    def __init__(self, above: Callable[[str], None]) -> None:
        self.above = above  # writes a line that belongs to what is going on: above the progress line, or beside it
        self.text = "done"
        self.meanwhile = ""
        self.seconds = 0.0
