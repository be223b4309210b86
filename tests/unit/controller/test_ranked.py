"""The order of a mirror's records: whatever changes, it is that of a sort, and only what is looked at is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Build, Config, Domain, Instance, Release
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror, Moved
from services.controller.pages import paginated
from services.controller.ranked import Lookup, Population, Ranked, by_age, by_name, by_number

MOMENT = now()
CONFIG = Config(uuid="c", owner="ann", values="", created=MOMENT)


def release(number: int) -> Release:
    return Release(uuid=f"r{number}", app="a", owner="ann", number=number, summary="", config=CONFIG, created=MOMENT)


class Source(Mirror[Any]):
    """A mirror whose changes a test tells, and which counts what is read of it."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), Keyspace().releases)
        self.there: dict[tuple[str, ...], Any] = {}
        self.read: list[tuple[str, ...]] = []
        self.told: list[Callable[[Sequence[Moved[Any]]], None]] = []

    def on_change(self, callback: Callable[[Sequence[Moved[Any]]], None]) -> None:
        self.told.append(callback)

    def change(self, parts: tuple[str, ...], new: Any) -> None:
        old = self.there.pop(parts, None)
        if new is not None:
            self.there[parts] = new
        for callback in self.told:
            callback([Moved(parts, old, new)])

    def get(self, *parts: str | int) -> Any:
        key = tuple(str(part) for part in parts)
        self.read.append(key)
        return self.there.get(key)


def ranked_releases(source: Source) -> Ranked[Release]:
    return Ranked(source, by_number, source.get)


@given(st.lists(st.tuples(st.sampled_from(["u1", "u2"]), st.integers(1, 30), st.booleans())), st.integers(0, 31))
def test_releases_are_in_the_order_of_their_numbers(moves: list[tuple[str, int, bool]], upto: int) -> None:
    source = Source()
    ranked = ranked_releases(source)
    for app, number, there in moves:
        if there or (app, str(number)) in source.there:
            source.change((app, str(number)), release(number) if there else None)
    for app in ("u1", "u2"):
        own = sorted(one.number for parts, one in source.there.items() if parts[0] == app)
        assert [one.number for one in ranked.of(app)] == own
        assert [one.number for one in ranked.backwards(app)] == own[::-1]
        assert [one.number for one in ranked.backwards(app, upto)] == [n for n in own[::-1] if n <= upto]


@pytest.mark.parametrize(("page", "first"), [("1", 10_000), ("50", 5_100), ("last", 100)])
def test_a_page_of_many_releases_reads_that_page_alone(page: str, first: int) -> None:
    source = Source()
    ranked = ranked_releases(source)
    for number in range(1, 10_001):
        source.change(("u", str(number)), release(number))
    told = paginated(URL(f"http://h/?page={page}"), ranked.backwards("u"), lambda one: one.number)
    assert told["count"] == 10_000
    assert told["results"] == list(range(first, first - 100, -1))
    assert source.read == [("u", str(number)) for number in range(first, first - 100, -1)]


def test_a_release_under_another_number_than_its_own_stands_nowhere() -> None:
    source = Source()
    ranked = ranked_releases(source)
    source.change(("u", "02"), release(2))
    source.change(("u", "x"), release(3))
    assert list(ranked.of("u")) == []
    source.change(("u", "02"), None)
    assert list(ranked.of("u")) == []


def test_builds_go_by_their_age_and_domains_by_their_names() -> None:
    source = Source()
    builds = Ranked(source, by_age, lambda app, rank: source.get(app, rank[1]))
    for uuid, second in (("b", 1), ("a", 2), ("c", 1)):
        at = MOMENT.replace(second=second)
        source.change(("u", uuid), Build(uuid=uuid, app="a", owner="ann", image="i", created=at))
    assert [build.uuid for build in builds.backwards("u")] == ["a", "c", "b"]
    names = Source()
    domains = Ranked(names, by_name, lambda _, fqdn: names.get(fqdn))
    for fqdn, app in (("b.org", "shop"), ("a.org", "shop"), ("c.org", "blog")):
        names.change((fqdn,), Domain(app=app, domain=fqdn, owner="ann", created=MOMENT))
    names.change(("b.org",), Domain(app="blog", domain="b.org", owner="ann", created=MOMENT))
    assert [one.domain for one in domains.of("shop")] == ["a.org"]
    assert [one.domain for one in domains.of("blog")] == ["b.org", "c.org"]


def test_a_lookup_is_a_sequence_and_says_what_is_missing() -> None:
    lookup = Lookup([1, 2, 3], {1: release(1), 3: release(3)}.get)
    assert len(lookup) == 3
    assert lookup[-1].number == 3
    assert lookup[::2][1].number == 3
    with pytest.raises(LookupError, match="the rank 2"):
        list(lookup)


def test_a_population_tells_instances_from_runs_and_their_releases() -> None:
    source = Source()
    population = Population(source)

    def instance(id_: str, number: int, *, once: bool = False) -> Instance:
        return Instance(
            id=id_, name=id_, node="n", app="a", app_uuid="u", type="web", number=1, release=number, state="running",
            once=once,
        )  # fmt: skip

    for id_, number, once in (("i1", 1, False), ("i2", 2, False), ("r1", 9, True)):
        source.change(("n", "a", id_), instance(id_, number, once=once))
    assert [one.id for _, one in population.of("u")] == ["i1", "i2"]
    assert [one.id for _, one in population.of("u", once=True)] == ["r1"]
    assert population.releases("u") == {1, 2}
    source.change(("n", "a", "i1"), instance("i1", 2))
    assert population.releases("u") == {2}
    for id_ in ("i1", "i2", "r1"):
        source.change(("n", "a", id_), None)
    assert population.of("u") == []
    assert population.releases("u") == set()
