"""What a one-off run wrote: its last part, within a bound, as text. Pure."""

from __future__ import annotations

MOST = 4 << 20  # bytes told
MOST_PIECES = 50_000  # lines, or parts of long ones, that are read


class RunOutput:
    """The end of an output, piece by piece. Holds at most twice `most` bytes, however long it is.

    Engines keep lines: the last one ends with a newline here, whether it was written or not.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = bytearray()
        self._cut = 0
        self.pieces = 0

    def add(self, data: bytes) -> None:
        """The next piece."""
        self.pieces += 1
        self._held += data
        if len(self._held) > 2 * self._most:
            self._drop(len(self._held) - self._most)

    def text(self, *, whole: bool = True) -> str:
        """All of it; where its beginning is missing, a first line says so. `whole`: nothing was left out before it.

        What is no UTF-8 is replaced; of a character that the cut tore nothing is left.
        """
        if len(self._held) > self._most:
            self._drop(len(self._held) - self._most)
        if self._cut:
            self._drop(next((at for at, byte in enumerate(self._held[:4]) if byte & 0xC0 != 0x80), 0))
        text = self._held.decode("utf-8", "replace")
        if not whole:
            return f"[deis: the beginning of the output was left out]\n{text}"
        return f"[deis: the first {self._cut} bytes of the output were left out]\n{text}" if self._cut else text

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._cut += count


def with_note(output: str, note: str) -> str:
    """The output with a last line of ours."""
    end = "" if not output or output.endswith("\n") else "\n"
    return f"{output}{end}[deis: {note}]\n"
