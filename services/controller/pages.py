"""Pages of a listing, as v1 cut them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import JsonValue
from yarl import URL

from services.controller.errors import NotFound

PAGE_SIZE = 100

T = TypeVar("T")


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def page_size(text: str) -> int:
    """What `?page_size=` asks for: garbage and 0 are the default, and there is no maximum."""
    return _whole(text) or PAGE_SIZE


def page_number(text: str, pages: int) -> int:
    """What `?page=` asks for, from 1; `last` is allowed. Raises `NotFound` beyond the pages that there are."""
    if text == "last":
        return pages
    number = _whole(text)
    if not 1 <= number <= pages:
        raise NotFound
    return number


def paginated(url: URL, items: Sequence[T], shape: Callable[[T], JsonValue]) -> dict[str, JsonValue]:
    """One page of `items` with the addresses of its neighbours; only the page's items are shaped."""
    size = page_size(url.query.get("page_size", ""))
    pages = max(1, -(-len(items) // size))
    number = page_number(url.query.get("page", "1"), pages)
    first = (number - 1) * size

    def neighbour(other: int) -> str | None:
        if not 1 <= other <= pages:
            return None
        query = [("page", str(other))] if other > 1 else []
        return str(url.with_query([*query, *((k, v) for k, v in url.query.items() if k != "page")]))

    return {
        "count": len(items),
        "next": neighbour(number + 1),
        "previous": neighbour(number - 1),
        "results": [shape(item) for item in items[first : first + size]],
    }
