from __future__ import annotations

from datetime import UTC, datetime, timedelta

from libs.keyspace.records import RouterView, Service
from services.router.suspicions import FIRST_HOLD, LONGEST_HOLD, RELAPSE, Suspicions

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def service(*, ready: bool = True, run: float = 0, confirmed: float | None = None) -> Service:
    return Service(
        app="shop",
        instance="a",
        node="node-1",
        type="web",
        number=1,
        release=1,
        address="10.0.0.1",
        port=5000,
        ready=ready,
        published=EPOCH,
        run=at(run),
        confirmed=None if confirmed is None else at(confirmed),
    )


class World:
    """Suspicions with a clock that is set by hand, and the apps that were told of."""

    def __init__(self) -> None:
        self.time = 100.0
        self.told: list[str] = []
        self.suspicions = Suspicions(lambda: at(self.time))
        self.suspicions.on_change(self.told.append)
        self.holds: list[float] = []
        self.suspicions.on_hold(lambda seconds, _: self.holds.append(seconds))
        self.suspicions.take("a", service())

    def since(self) -> datetime | None:
        found = self.suspicions.found.get("a")
        return found.since if found else None


def test_an_accused_instance_is_suspect_once_until_a_pass_that_is_not_older() -> None:
    world = World()
    world.suspicions.accuse("a", "no answer")
    world.time = 101
    world.suspicions.accuse("a", "no answer")
    assert world.since() == at(100)
    for not_yet in (service(), service(confirmed=99), service(ready=False, confirmed=100)):
        world.suspicions.take("a", not_yet)
        assert world.since() == at(100)
    world.suspicions.take("a", service(confirmed=100))
    assert world.since() is None
    assert world.told == ["shop", "shop"]


def test_another_run_of_the_process_is_trusted() -> None:
    world = World()
    world.suspicions.accuse("a", "no connection")
    world.suspicions.take("a", service(run=50))
    assert world.since() is None


def test_a_withdrawn_instance_is_suspect_no_more() -> None:
    world = World()
    world.suspicions.accuse("a", "no connection")
    world.suspicions.take("a", None)
    assert world.since() is None
    assert world.told == ["shop", "shop"]
    world.suspicions.accuse("a", "no connection")
    assert world.since() is None


def test_a_suspicion_is_later_than_every_confirmation_that_was_seen() -> None:
    world = World()
    world.suspicions.take("a", service(confirmed=500))  # by a clock that goes ahead
    world.suspicions.take("a", service())
    world.suspicions.accuse("a", "no answer")
    since = world.since()
    assert since is not None
    assert since > at(500)
    world.suspicions.take("a", service(confirmed=500))
    assert world.since() is not None


def test_a_request_from_before_it_was_trusted_again_does_not_accuse_it() -> None:
    world = World()
    world.suspicions.accuse("a", "no answer", ago=10)
    world.time = 102
    world.suspicions.take("a", service(confirmed=101))
    world.time = 105
    world.suspicions.accuse("a", "no answer", ago=10)
    assert world.since() is None
    world.suspicions.accuse("a", "no answer", ago=2)
    assert world.since() == at(105)


def relapse(world: World, *, after: float = 10) -> None:
    """It was trusted, and fails users again."""
    world.suspicions.take("a", service(confirmed=world.time))
    world.time += after
    world.suspicions.accuse("a", "no answer")


def test_one_that_fails_again_soon_after_it_was_trusted_stays_out_longer_each_time() -> None:
    world = World()
    world.suspicions.accuse("a", "no answer")
    assert world.holds == []
    relapse(world)
    world.suspicions.take("a", service(confirmed=world.time))
    assert world.since() is not None
    world.time += FIRST_HOLD
    world.suspicions.review("a")
    assert world.since() is None
    for _ in range(8):
        relapse(world)
        world.time += LONGEST_HOLD
    assert [round(seconds) for seconds in world.holds] == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_hold_ends_with_no_pass_that_is_too_old() -> None:
    world = World()
    world.suspicions.accuse("a", "no answer")
    relapse(world)
    world.time += LONGEST_HOLD
    world.suspicions.review_all()
    assert world.since() is not None


def test_one_that_did_well_for_long_or_is_another_run_is_not_held() -> None:
    world = World()
    world.suspicions.accuse("a", "no answer")
    relapse(world, after=RELAPSE.total_seconds())
    assert world.holds == []
    relapse(world)
    assert len(world.holds) == 1
    world.suspicions.take("a", service(run=50))
    assert world.since() is None
    world.time += 10
    world.suspicions.accuse("a", "no answer")
    assert len(world.holds) == 1


def test_what_was_said_before_a_restart_is_recalled_until_it_is_settled() -> None:
    for later, still in ((service(), True), (service(confirmed=90), False)):
        suspicions = Suspicions()
        suspicions.recall({"a": RouterView(state="suspect", since=at(90)), "b": RouterView(state="in_rotation")})
        suspicions.take("a", later)
        assert ("a" in suspicions.found) is still
