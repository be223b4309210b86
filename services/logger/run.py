"""A run: stored lines of one source, in order, in chunks of bytes; it grows at its end and shrinks at its begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from libs.loglines.line import PREFIX, Line, lines_of

CHUNK = 64 * 1024  # bytes; small blocks are joined up to it


class Chunk:
    """Stored lines in one piece of memory. `begin` is where the first one that is still kept begins."""

    __slots__ = ("begin", "data", "lines")

    def __init__(self, data: bytes | bytearray, lines: int) -> None:
        self.data = data
        self.lines = lines
        self.begin = 0

    def size(self) -> int:
        """Bytes of the kept lines."""
        return len(self.data) - self.begin

    def first_time(self) -> int:
        """The time of the first kept line, ns."""
        return int(self.data[self.begin : self.begin + 16], 16)

    def drop(self, count: int) -> None:
        """Let go of the first `count` lines, fewer than all. Memory is given back once half of it is unused."""
        at = self.begin
        for _ in range(count):
            at = self.data.index(b"\n", at + PREFIX) + 1
        self.begin, self.lines = at, self.lines - count
        if self.begin * 2 > len(self.data):
            self.data, self.begin = self.data[self.begin :], 0

    def kept(self) -> bytes:
        """The kept lines."""
        return bytes(self.data[self.begin :])

    def last(self, count: int) -> bytes:
        """The last `count` lines, at most all."""
        if count >= self.lines:
            return self.kept()
        at = len(self.data)
        for _ in range(count):
            at = self.data.rindex(b"\n", self.begin, at - 1)  # the newline before the line's begin
            at += 1
        return bytes(self.data[at:])


class Run:
    """The kept lines of one source. `lines` and `size` (bytes) are what it holds now."""

    __slots__ = ("_chunks", "lines", "size")

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque()
        self.lines = 0
        self.size = 0

    def append(self, block: bytes, lines: int) -> None:
        """Add a block of `lines` lines at the end."""
        self.lines += lines
        self.size += len(block)
        last = self._chunks[-1] if self._chunks else None
        if last is not None and isinstance(last.data, bytearray) and len(last.data) + len(block) <= CHUNK:
            last.data += block
            last.lines += lines
            return
        if last is not None and isinstance(last.data, bytearray):
            last.data = bytes(last.data)  # it grows no more: without the room that a bytearray holds in reserve
        self._chunks.append(Chunk(bytearray(block) if len(block) < CHUNK // 2 else block, lines))

    def first_time(self) -> int:
        """The time of the oldest kept line, ns; there must be one."""
        return self._chunks[0].first_time()

    def drop(self, count: int) -> tuple[int, int]:
        """Let go of the oldest lines, at most `count`; returns the lines and bytes that went."""
        lines, size = self.lines, self.size
        while count > 0 and self._chunks:
            chunk = self._chunks[0]
            before = chunk.size()
            if chunk.lines <= count:
                self._chunks.popleft()
                count -= chunk.lines
                self.lines -= chunk.lines
                self.size -= before
            else:
                chunk.drop(count)
                self.lines -= count
                self.size -= before - chunk.size()
                count = 0
        return lines - self.lines, size - self.size

    def last(self, count: int) -> Iterator[Line]:
        """The last `count` lines, oldest first."""
        blocks: list[bytes] = []
        for chunk in reversed(self._chunks):
            if count <= 0:
                break
            blocks.append(chunk.last(count))
            count -= chunk.lines
        for block in reversed(blocks):
            yield from lines_of(block)
