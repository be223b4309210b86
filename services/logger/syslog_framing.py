"""Syslog messages out of a stream, in both framings of RFC 6587: counted octets, or one message a line.

The first byte of each message says which: a digit begins a count (`LEN SP MSG`), `<` begins a message that ends at
the newline. No message takes more memory than the cap, however long it is or says that it will be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from libs.loglines import LINE_CAP

HEAD_CAP = 8 * 1024  # bytes that a message may have before its text
MESSAGE_CAP = LINE_CAP + HEAD_CAP
_COUNT = re.compile(rb"([1-9][0-9]{0,9}) ")
_MAYBE_COUNT = re.compile(rb"[1-9][0-9]{0,9}")
_BETWEEN = re.compile(rb"[\r\n\0]*+")  # what some senders end a message with; it means nothing
_LESS_THAN = ord("<")


@dataclass(slots=True)
class Split:
    """What a chunk brought: whole messages. `cut` has, by index, how many bytes of an overlong one are missing.

    `junk` counts runs of bytes that begin no message, up to a newline.
    """

    messages: list[bytes] = field(default_factory=list)
    cut: dict[int, int] = field(default_factory=dict)
    junk: int = 0


class Framing:
    """Splits one stream. Chunks come as they come; at most a message's cap is held between them."""

    __slots__ = ("_held", "_over", "_skip", "_stray", "_want")

    def __init__(self) -> None:
        self._held = bytearray()  # of the message that has begun
        self._want = 0  # bytes that have to be held before there is a next step; 0: up to a newline
        self._skip = 0  # bytes of the counted message in `_held` that are still to come, and not to be kept
        self._over = 0  # bytes of the message in `_held` that were not, or will not be, kept
        self._stray = False  # within bytes that begin no message

    @property
    def open(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> Split:
        """The messages that end in this chunk."""
        found = Split()
        at = self._go_on(data, found) if self._held or self._stray else 0
        if self._held and at < len(data):  # joined to what was held: only where that ends a message
            data, at = bytes(self._held) + data[at:], 0
            self._held.clear()
        while at < len(data):
            at = self._one(data, at, found)
        return found

    def _go_on(self, data: bytes, found: Split) -> int:
        """Take up what an earlier chunk began; returns how much of this one that took."""
        if self._stray:
            return self._stray_to(data, 0)
        if self._skip:
            taken = min(self._skip, len(data))
            self._skip -= taken
            if not self._skip:
                self._finish(found)
            return taken
        if self._over or not self._want:  # a line
            end = data.find(b"\n")
            part = data if end < 0 else data[:end]
            room = MESSAGE_CAP - len(self._held)
            self._held += part[:room]
            self._over += max(len(part) - room, 0)
            if end < 0:
                return len(data)
            self._finish(found)
            return end + 1
        if len(self._held) + len(data) < self._want:
            self._held += data
            return len(data)
        return 0

    def _one(self, data: bytes, at: int, found: Split) -> int:
        """Take the message that begins at `at`, or hold what there is of it; returns where the next begins."""
        first = data[at]
        if first == _LESS_THAN:
            end = data.find(b"\n", at)
            if end < 0:
                return self._hold_line(data, at)
            self._line(data[at:end], found)
            return end + 1
        if counted := _COUNT.match(data, at):
            return self._counted(data, counted, found)
        if first in b"\r\n\0":
            between = _BETWEEN.match(data, at)
            assert between is not None
            return between.end()
        maybe = _MAYBE_COUNT.match(data, at)
        if maybe and maybe.end() == len(data):  # the rest of the count comes
            self._held += data[at:]
            self._want = len(self._held) + 1
            return len(data)
        found.junk += 1
        return self._stray_to(data, at)

    def _counted(self, data: bytes, counted: re.Match[bytes], found: Split) -> int:
        """The message behind a count."""
        at, begin, length = counted.start(), counted.end(), int(counted[1])
        end = begin + min(length, MESSAGE_CAP)
        if end > len(data):
            self._held += data[at:]
            self._want = end - at
            return len(data)
        if length <= MESSAGE_CAP:
            found.messages.append(data[begin:end])
            return end
        self._held += data[begin:end]
        self._over = length - MESSAGE_CAP
        taken = min(self._over, len(data) - end)
        self._skip = self._over - taken
        if not self._skip:
            self._finish(found)
        return end + taken

    def _stray_to(self, data: bytes, at: int) -> int:
        """Pass over what begins no message, up to a newline."""
        end = data.find(b"\n", at) + 1
        self._stray = not end
        return end or len(data)

    def _hold_line(self, data: bytes, at: int) -> int:
        self._held += data[at : at + MESSAGE_CAP]
        self._over = max(len(data) - at - MESSAGE_CAP, 0)
        self._want = 0
        return len(data)

    def _line(self, message: bytes, found: Split) -> None:
        if len(message) > MESSAGE_CAP:
            found.cut[len(found.messages)] = len(message) - MESSAGE_CAP
            message = message[:MESSAGE_CAP]
        found.messages.append(message)

    def _finish(self, found: Split) -> None:
        """What is held is a whole message, or all that is kept of it."""
        if self._over:
            found.cut[len(found.messages)] = self._over
        found.messages.append(bytes(self._held))
        self._held.clear()
        self._want = self._over = 0
