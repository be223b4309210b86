"""JSON as it may come from anybody: bounded in depth, and text that is text."""

from __future__ import annotations

import json
import math

from pydantic import JsonValue

DEEPEST = 32  # levels of nesting; v1's own bodies have two


def read_json(text: str) -> JsonValue:
    """The value of a JSON text; of a key given twice the last one counts. Raises `ValueError`."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        _refuse_depth(value)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _refuse(constant: str) -> float:
    raise ValueError(f"Out of range float values are not JSON compliant: {constant}")  # RFC 8259 §6


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits[:64])


def _refuse_depth(value: JsonValue) -> None:
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {DEEPEST} levels")
