"""Keys: built and parsed without loss, whatever a user calls things."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.keyspace import BadKey, Collection, Document, Keyspace

KEYSPACE = Keyspace("/deis")
COLLECTIONS = sorted(KEYSPACE.collections().values(), key=lambda collection: collection.path)

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
    [".", "..", "_", "_hidden", "%", "%2F", "a/b", "/", "//", "../..", "é", "中", "\0", "\n", " ", "%5Fx", "-", "~"]
)


@st.composite
def places(draw: st.DrawFn) -> tuple[Collection[Document], tuple[str, ...]]:
    """A collection, and components for a key of it."""
    collection = draw(st.sampled_from(COLLECTIONS))
    return collection, tuple(draw(NAMES) for _ in collection.components)


@given(places())
def test_a_key_parses_into_what_it_was_built_from(place: tuple[Collection[Document], tuple[str, ...]]) -> None:
    collection, parts = place
    assert collection.parse(collection.key(*parts)) == parts


@given(places(), places())
def test_different_components_never_share_a_key(
    one: tuple[Collection[Document], tuple[str, ...]], other: tuple[Collection[Document], tuple[str, ...]]
) -> None:
    assume(one != other)
    assert one[0].key(*one[1]) != other[0].key(*other[1])


@given(places())
def test_no_component_splits_a_key_hides_it_or_climbs_out(
    place: tuple[Collection[Document], tuple[str, ...]],
) -> None:
    collection, parts = place
    key = collection.key(*parts)
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    pieces = key.removeprefix(f"{collection.path}/").split("/")
    assert len(pieces) == len(parts)
    for piece in pieces:
        assert piece not in {"", ".", ".."}
        assert not piece.startswith("_"), "the v2 API hides such names"


@given(places(), st.data())
def test_a_key_lies_below_the_prefixes_of_its_first_components_alone(
    place: tuple[Collection[Document], tuple[str, ...]], data: st.DataObject
) -> None:
    collection, parts = place
    count = data.draw(st.integers(0, len(parts) - 1))
    under = data.draw(st.tuples(*[NAMES] * count))
    below = collection.key(*parts).startswith(collection.under(*under))
    assert below == (parts[:count] == under)


@given(st.text())
def test_what_parses_is_written_in_one_way(tail: str) -> None:
    """Two spellings of one key would be two records of one thing."""
    for collection in COLLECTIONS:
        key = f"{collection.path}/{tail}"
        try:
            parts = collection.parse(key)
        except BadKey:
            continue
        assert collection.key(*parts) == key


@pytest.mark.parametrize(
    "key",
    ["/deis/apps", "/deis/apps/", "/deis/apps/a/b", "/deis/apps//", "/deis/appsx/a", "/other/apps/a", "/deis/apps/%41"],
)
def test_a_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(BadKey):
        KEYSPACE.apps.parse(key)


@pytest.mark.parametrize("component", ["", "\ud800"])
def test_a_component_that_cannot_be_one_is_refused(component: str) -> None:
    with pytest.raises(BadKey):
        KEYSPACE.apps.key(component)


def test_the_number_of_components_is_the_collection_s() -> None:
    for parts in ((), ("n",), ("n", "a"), ("n", "a", "i", "x")):
        with pytest.raises(BadKey):
            KEYSPACE.instances.key(*parts)
    with pytest.raises(BadKey):
        KEYSPACE.instances.under("n", "a", "i")
    assert KEYSPACE.releases.key("u", 3) == "/deis/releases/u/3"


@pytest.mark.parametrize("prefix", ["", "deis", "/deis/", "/"])
def test_a_prefix_that_cannot_be_one_is_refused(prefix: str) -> None:
    with pytest.raises(BadKey):
        Keyspace(prefix)
