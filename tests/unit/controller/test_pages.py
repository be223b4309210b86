"""Pages of listings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from services.controller.errors import NotFound
from services.controller.pages import paginated

HERE = URL("http://deis.example.org/v1/apps")


def page(query: str, count: int) -> dict[str, object]:
    return {**paginated(URL(f"{HERE}?{query}"), range(count), int)}


def test_a_short_listing_is_one_page() -> None:
    assert page("", 3) == {"count": 3, "next": None, "previous": None, "results": [0, 1, 2]}
    assert page("", 0) == {"count": 0, "next": None, "previous": None, "results": []}


def test_pages_name_their_neighbours() -> None:
    assert page("page_size=2", 5)["next"] == f"{HERE}?page=2&page_size=2"
    assert page("page=2&page_size=2", 5) == {
        "count": 5,
        "next": f"{HERE}?page=3&page_size=2",
        "previous": f"{HERE}?page_size=2",
        "results": [2, 3],
    }
    assert page("page=last&page_size=2", 5)["results"] == [4]


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1.5", "٣", "9" * 5000])
def test_a_bad_page_size_is_a_hundred(size: str) -> None:
    assert len(page(f"page_size={size}", 150)["results"]) == 100  # type: ignore[arg-type]


def test_there_is_no_largest_page() -> None:
    assert len(page("page_size=100000", 1500)["results"]) == 1500  # type: ignore[arg-type]


@pytest.mark.parametrize("number", ["0", "3", "-1", "x", "9" * 5000, "1.0"])
def test_a_page_that_there_is_not_is_not_found(number: str) -> None:
    with pytest.raises(NotFound):
        page(f"page={number}&page_size=2", 4)


@given(st.integers(0, 50), st.integers(1, 60))
def test_the_pages_together_are_the_listing(count: int, size: int) -> None:
    seen: list[int] = []
    address: str | None = f"{HERE}?page_size={size}"
    while address:
        one = paginated(URL(address), range(count), int)
        seen += one["results"]  # type: ignore[arg-type]
        address = one["next"]  # type: ignore[assignment]
    assert seen == list(range(count))
