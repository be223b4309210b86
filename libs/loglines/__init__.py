"""Log lines between the daemons that carry them; the contract is `proto/log-line.md`.

`line` is the stored form of a line and the text that users see; `frame` is how lines travel, in batches of one frame
an instance; `token` is the word by which the platform's own daemons know each other.
"""

from libs.loglines.frame import BATCH_LIMIT, FRAME_LIMIT, Ack, BadBatch, Frame, Header, Known, pack, unpack
from libs.loglines.line import (
    LINE_CAP,
    BadBlock,
    Kind,
    Line,
    check_block,
    encode,
    lines_of,
    nanoseconds,
    render,
    shown_time,
)

__all__ = [
    "BATCH_LIMIT",
    "FRAME_LIMIT",
    "LINE_CAP",
    "Ack",
    "BadBatch",
    "BadBlock",
    "Frame",
    "Header",
    "Kind",
    "Known",
    "Line",
    "check_block",
    "encode",
    "lines_of",
    "nanoseconds",
    "pack",
    "render",
    "shown_time",
    "unpack",
]
