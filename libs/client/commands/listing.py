"""How long listings are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libs.client.api.answer import Page


def shown(page: Page[Any]) -> str:
    """` (2 of 7)` behind a heading whose listing is cut, nothing otherwise."""
    return "" if len(page.results) >= page.count else f" ({len(page.results)} of {page.count})"
