"""What a command wrote, cut to what is told of it."""

from __future__ import annotations

TOLD_BYTES = 1024


def tail(data: bytes) -> str:
    """The end as text of at most 1 KiB; what is no UTF-8 is replaced, a character that the cut broke is left out."""
    kept = data[-TOLD_BYTES:]
    if len(data) > TOLD_BYTES:
        broken = next((at for at, byte in enumerate(kept[:3]) if byte & 0xC0 != 0x80), 3)
        kept = kept[broken:]
    return kept.decode("utf-8", "replace").encode()[-TOLD_BYTES:].decode("utf-8", "ignore")
