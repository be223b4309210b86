"""A run: stored lines of one source, in order, in chunks of bytes; it grows at its end and shrinks at its begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from libs.loglines.line import PREFIX

CHUNK = 64 * 1024  # bytes; small blocks are joined up to it
SMALL = 4096  # bytes; larger blocks stay as they came, which costs no copy
FEW = 64  # lines that are found sooner one by one than by splitting a chunk


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

    def offset(self, count: int) -> int:
        """Where the line behind the first `count` kept ones begins."""
        if count >= self.lines:
            return len(self.data)
        if count > FEW:
            return len(self.data) - len(self.data[self.begin :].split(b"\n", count)[-1])
        at, data = self.begin, self.data
        for _ in range(count):
            at = data.index(b"\n", at + PREFIX) + 1
        return at

    def drop(self, count: int) -> None:
        """Let go of the first `count` lines, fewer than all. Memory is given back once half of it is unused."""
        self.begin, self.lines = self.offset(count), self.lines - count
        if self.begin * 2 > len(self.data):
            self.data, self.begin = self.data[self.begin :], 0

    def kept(self) -> bytes:
        """The kept lines; where all are, and no more come, without a copy."""
        return bytes(self.data[self.begin :] if self.begin else self.data)

    def read(self, skip: int, size: int) -> tuple[bytes, int]:
        """Lines behind the first `skip`, in at most `size` bytes, but at least one; and how many."""
        begin = self.offset(skip)
        if len(self.data) - begin <= size:
            return (bytes(self.data[begin:]) if begin else self.kept()), self.lines - skip
        end = self.data.rfind(b"\n", begin, begin + size) + 1 or self.data.index(b"\n", begin) + 1
        block = bytes(self.data[begin:end])
        return block, block.count(b"\n")


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
        small = len(block) < SMALL
        if self._chunks:
            last = self._chunks[-1]
            data = last.data
            if isinstance(data, bytearray):
                if small and len(data) + len(block) <= CHUNK:
                    data += block
                    last.lines += lines
                    return
                last.data = bytes(data)  # it grows no more: without the room that a bytearray holds in reserve
        self._chunks.append(Chunk(bytearray(block) if small else block, lines))

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

    def read(self, skip: int, size: int) -> tuple[bytes, int]:
        """Lines behind the first `skip`, in about `size` bytes, but at least one where there is one; and how many."""
        blocks: list[bytes] = []
        total = 0
        for chunk in self._chunks:
            if skip >= chunk.lines:
                skip -= chunk.lines
                continue
            block, lines = chunk.read(skip, size)
            blocks.append(block)
            total += lines
            size -= len(block)
            if size <= 0 or skip + lines < chunk.lines:
                break
            skip = 0
        return (blocks[0] if len(blocks) == 1 else b"".join(blocks)), total

    def before(self, count: int) -> bytes:
        """The block that ends with the `count`-th kept line; there must be one."""
        index = self.lines
        for chunk in reversed(self._chunks):
            index -= chunk.lines
            if index < count:
                return bytes(chunk.data[chunk.begin : chunk.offset(count - index)])
        raise IndexError(f"line {count} is asked for, and {self.lines} are kept")

    def newest(self) -> Iterator[tuple[int, bytes, int]]:
        """Blocks from the newest to the oldest: the index of the first line, the block, how many lines."""
        index = self.lines
        for chunk in reversed(self._chunks):
            index -= chunk.lines
            yield index, chunk.kept(), chunk.lines
