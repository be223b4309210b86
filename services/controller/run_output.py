"""What a one-off run wrote: its last part, within a bound, as text. Pure."""

from __future__ import annotations

MOST = 4 << 20  # bytes told
LEFT_OUT = "Deis-Run-Left-Out"  # the answer's header, of an output that is longer: how many bytes of it are not told


class RunOutput:
    """The end of an output, piece by piece. Holds at most twice `most` bytes, however long it is.

    Engines keep lines: the last one ends with a newline here, whether it was written or not.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held = bytearray()
        self.cut = 0  # bytes of the beginning that are not told, once `text` was asked for

    def add(self, data: bytes) -> None:
        """The next piece."""
        self._held += data
        if len(self._held) > 2 * self._most:
            self._drop(len(self._held) - self._most)

    def text(self) -> str:
        """All of it; where its beginning is missing, a first line says so: version 1's clients read nothing else.

        What is no UTF-8 is replaced; of a character that the cut tore nothing is left.
        """
        if len(self._held) > self._most:
            self._drop(len(self._held) - self._most)
        if self.cut:
            self._drop(next((at for at, byte in enumerate(self._held[:4]) if byte & 0xC0 != 0x80), 0))
        text = self._held.decode("utf-8", "replace")
        return f"[deis: the first {self.cut} bytes of the output were left out]\n{text}" if self.cut else text

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self.cut += count


def with_note(output: str, note: str) -> str:
    """The output with a last line of ours."""
    end = "" if not output or output.endswith("\n") else "\n"
    return f"{output}{end}[deis: {note}]\n"
