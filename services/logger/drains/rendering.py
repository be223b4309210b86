"""Lines as syslog messages (RFC 5424), each with its length before it (RFC 6587 §3.4.1): a block at once.

The fields are written down in `proto/log-drains.md`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from libs.loglines.level import LOOKED_AT, Level, named_levels
from libs.loglines.line import PREFIX
from services.logger.drains.lot import Lot, Origin

APP, PLATFORM = 16, 19  # local0, local3
_SEVERITIES = {b"o": (APP, 6), b"O": (APP, 6), b"e": (APP, 3), b"E": (APP, 3), b"p": (PLATFORM, 5), b"g": (PLATFORM, 4)}
_NAMED = {Level.DEBUG: 7, Level.INFO: 6, Level.WARNING: 4, Level.ERROR: 3}
# By a stored line's letter; each has three digits, so that the lengths of heads do not differ.
_HEADS = {kind[0]: b"<%d>1 " % (facility * 8 + severity) for kind, (facility, severity) in _SEVERITIES.items()}
_LEVEL_HEADS = {level: b"<%d>1 " % (APP * 8 + severity) for level, severity in _NAMED.items()}
_OWN = frozenset(b"pg")  # what the platform says, whose ever source it is in
_UNKEPT = str.maketrans(dict.fromkeys((*range(33), *range(127, 256)), "_"))
LONGEST_NAME, LONGEST_PROCESS = 48, 128  # RFC 5424 §6.2.5, §6.2.6
WHEN = len("2015-01-31T23:59:59.123456+00:00")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the lines of a drain have in common. `number` is the enterprise's in the name of the structured data."""

    token: str
    run: str  # names the numbering
    number: int
    structured: bool = True  # without it the field is left out altogether, as Logplex does
    longest: int = 0  # bytes of a text; 0: any

    def frames(self, lot: Lot) -> bytes:
        """The lot's lines as frames, one after another."""
        source = _ends(self, lot.origin, lot.first > 0)
        own = _ends(self, lot.origin._replace(process="deis"), lot.first > 0)
        number, counts = lot.first, self.structured and lot.first > 0
        frames: list[bytes] = []
        known, second, digits = -1, b"", b""
        stored = readable(lot.block).split(b"\n")
        stored.pop()
        named = named_levels([line[PREFIX : PREFIX + LOOKED_AT] for line in stored])
        for index, line in enumerate(stored):
            seconds, micros = divmod(int(line[:16], 16) // 1000, 1_000_000)
            if seconds != known:
                known, second = seconds, _second(seconds)
            text = line[PREFIX:]
            if self.longest and len(text) > self.longest:
                text = _cut(text, self.longest)
            kind = line[16]
            before, after, size = own if kind in _OWN else source
            head = _HEADS[kind] if kind in _OWN or index not in named else _LEVEL_HEADS[named[index]]
            if counts:
                digits = b"%d" % number
                number += 1
            frames.append(
                b"%d %b%b%06d%b%b%b%b"
                % (size + len(digits) + len(text), head, second, micros, before, digits, after, text)
            )
        return b"".join(frames)


def readable(block: bytes) -> bytes:
    """The block as UTF-8, whatever was in it, and without NUL, which receivers take for an end (RFC 5424 §8.2)."""
    if not block.isascii():
        block = block.decode("utf-8", "replace").encode()
    return block.replace(b"\0", b"#000") if b"\0" in block else block


@lru_cache(maxsize=4096)
def _ends(layout: Layout, origin: Origin, counts: bool) -> tuple[bytes, bytes, int]:
    """What stands between a message's time and its number, what follows that, and the length of all fixed parts."""
    app, process = _name(origin.app, LONGEST_NAME), _name(origin.process, LONGEST_PROCESS)
    before, after = f"+00:00 {layout.token} {app} {process} - ", ""
    if layout.structured:
        of = f' instance="{_value(origin.instance)}" release="{origin.release}"' if origin.instance else ""
        data = f'[deis@{layout.number} app="{_value(origin.app)}"{of} run="{layout.run}"] '
        before, after = (before + '[meta sequenceId="', '"]' + data) if counts else (before + data, "")
    size = len(_HEADS[ord("o")]) + WHEN - len("+00:00") + len(before.encode()) + len(after.encode())
    return before.encode(), after.encode(), size


def _name(text: str, longest: int) -> str:
    """A name as a header's field may have it: visible ASCII."""
    return text.translate(_UNKEPT).encode("ascii", "replace").decode()[:longest] or "-"


def _value(text: str) -> str:
    """A value of structured data (RFC 5424 §6.3.3)."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


@lru_cache(maxsize=1024)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)).encode()


def _cut(text: bytes, longest: int) -> bytes:
    """The begin of a text in whole characters, and a mark that says how much was cut."""
    kept = text[:longest].decode("utf-8", "ignore").encode()
    return b"%b [deis: %d bytes cut]" % (kept, len(text) - len(kept))
