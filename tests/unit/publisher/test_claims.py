from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Health, Instance, Service
from services.publisher.claims import Claims, Key, Seen, wanted_services

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def instance(id_: str = "a1", **changes: object) -> Instance:
    fields: dict[str, object] = {
        "id": id_,
        "name": f"shop_v2.web.1-{id_}",
        "node": "n1",
        "app": "shop",
        "app_uuid": "u",
        "type": "web",
        "number": 1,
        "release": 2,
        "state": "running",
        "address": "10.1.0.2",
        "port": 5000,
        "started": at(0),
    }
    return Instance.model_validate({**fields, **changes})


def verdict(*, ready: bool, run: float = 0, live: bool = True, confirmed: float | None = None) -> Health:
    word = None if confirmed is None else at(confirmed)
    return Health(started=True, ready=ready, live=live, since=at(1), run=at(run), confirmed=word)


def service(id_: str = "a1", **changes: object) -> Service:
    fields: dict[str, object] = {
        "app": "shop",
        "instance": id_,
        "node": "n1",
        "type": "web",
        "number": 1,
        "release": 2,
        "address": "10.1.0.2",
        "port": 5000,
        "ready": True,
        "published": at(2),
        "run": at(0),
    }
    return Service.model_validate({**fields, **changes})


KEY = ("shop", "a1")


def claims(
    *instances: Instance,
    verdicts: dict[Key, Health] | None = None,
    retiring: set[Key] | None = None,
    published: dict[Key, Service] | None = None,
    complete: bool = True,
    node: str = "n1",
    now: float = 5,
) -> Claims:
    return wanted_services(
        node=node,
        seen=Seen({(one.app, one.id): one for one in instances}, complete=complete),
        verdicts=verdicts or {},
        retiring=retiring or set(),
        published=published or {},
        now=at(now),
    )


def test_an_instance_is_published_once_it_was_ready() -> None:
    assert claims(instance()).wanted == {}
    assert claims(instance(), verdicts={KEY: verdict(ready=False)}).wanted == {}
    found = claims(instance(), verdicts={KEY: verdict(ready=True)})
    assert found.wanted == {KEY: service(published=at(5))}


def test_a_published_instance_that_turns_unready_stays_and_says_so() -> None:
    found = claims(instance(), verdicts={KEY: verdict(ready=False)}, published={KEY: service()})
    assert found.wanted == {KEY: service(ready=False)}
    assert found.withdrawn == {}


def test_a_missing_verdict_leaves_the_record_as_it_is() -> None:
    for ready in (True, False):
        assert claims(instance(), published={KEY: service(ready=ready)}).wanted == {KEY: service(ready=ready)}


def test_a_verdict_on_an_earlier_run_says_nothing() -> None:
    again = instance(started=at(9))
    assert claims(again, verdicts={KEY: verdict(ready=True, run=0)}).wanted == {}
    unready = {KEY: verdict(ready=False, run=-9)}
    assert claims(instance(), verdicts=unready, published={KEY: service()}).wanted == {KEY: service()}


def test_the_answer_to_a_suspicion_is_that_of_the_present_runs_verdict() -> None:
    answered = {KEY: verdict(ready=True, confirmed=4)}
    assert claims(instance(), verdicts=answered, published={KEY: service()}).wanted == {KEY: service(confirmed=at(4))}
    of_another_run = {KEY: verdict(ready=True, run=-9, confirmed=4)}
    assert claims(instance(), verdicts=of_another_run, published={KEY: service()}).wanted == {KEY: service()}
    lost = claims(instance(), published={KEY: service(confirmed=at(4))})
    assert lost.wanted == {KEY: service(confirmed=at(4))}, "a verdict that is missing takes nothing back"
    again = claims(
        instance(started=at(9)), verdicts={KEY: verdict(ready=True, run=9)}, published={KEY: service(confirmed=at(4))}
    )
    assert again.wanted == {KEY: service(published=at(5), run=at(9))}


def test_one_that_is_not_live_stays_published_until_it_retires() -> None:
    for ready in (True, False):
        dying = {KEY: verdict(ready=ready, live=False)}
        assert claims(instance(), verdicts=dying, published={KEY: service()}).wanted == {KEY: service(ready=ready)}
    retired = claims(instance(), verdicts={KEY: verdict(ready=True, live=False)}, retiring={KEY})
    assert retired.wanted == {}


def test_an_exit_withdraws_the_record() -> None:
    for state in ("created", "restarting", "exited", "dead"):
        found = claims(instance(state=state, exit_code=3), published={KEY: service()})
        assert found.wanted == {}
        assert found.withdrawn == {KEY: f"it is {state}, last exit 3"}


def test_an_end_that_was_heard_of_withdraws_the_record_whatever_the_last_look_said() -> None:
    seen = Seen({KEY: instance()}, complete=True, ended=frozenset({KEY}))
    ready = {KEY: verdict(ready=True)}
    found = wanted_services(node="n1", seen=seen, verdicts=ready, retiring=(), published={KEY: service()}, now=at(9))
    assert found == Claims({}, {KEY: "its process has ended"})


def test_a_restart_that_was_seen_late_withdraws_the_record_of_the_run_before() -> None:
    found = claims(instance(started=at(9)), published={KEY: service()})
    assert found.wanted == {}
    assert list(found.withdrawn) == [KEY]


def test_it_is_published_again_when_the_new_run_passes() -> None:
    found = claims(instance(started=at(9)), verdicts={KEY: verdict(ready=True, run=9)}, now=10)
    assert found.wanted == {KEY: service(published=at(10), run=at(9))}


def test_a_retiring_instance_is_withdrawn_although_it_is_ready() -> None:
    found = claims(instance(), verdicts={KEY: verdict(ready=True)}, retiring={KEY}, published={KEY: service()})
    assert found.wanted == {}
    assert found.withdrawn == {KEY: "it is retiring"}


def test_what_the_engine_has_no_more_is_withdrawn_only_by_its_complete_answer() -> None:
    assert claims(published={KEY: service()}, complete=True).withdrawn == {KEY: "the engine has it no more"}
    held = claims(published={KEY: service()}, complete=False)
    assert held.withdrawn == {}
    assert held.wanted == {KEY: service()}


def test_the_records_of_another_node_are_left_alone() -> None:
    foreign = {KEY: service(node="n2")}
    assert claims(published=foreign, complete=True) == Claims()
    assert claims(instance("b1", node="n1", address="10.1.0.9"), published=foreign) == Claims()


def test_a_type_without_a_port_is_never_published() -> None:
    for change in ({"type": "worker"}, {"port": None}, {"address": None}):
        assert claims(instance(**change), verdicts={KEY: verdict(ready=True)}).wanted == {}


def test_a_one_off_run_is_never_published_whatever_its_type() -> None:
    ready = {KEY: verdict(ready=True)}
    assert claims(instance(), verdicts=ready).wanted.keys() == {KEY}
    assert claims(instance(once=True), verdicts=ready).wanted == {}
    assert claims(instance(once=True), verdicts=ready, published={KEY: service()}).withdrawn.keys() == {KEY}


def test_an_address_that_was_claimed_by_a_newer_one_is_withdrawn() -> None:
    other = ("blog", "b1")
    published = {KEY: service(), other: service("b1", app="blog", node="n2", published=at(3))}
    found = claims(instance(), verdicts={KEY: verdict(ready=True)}, published=published)
    assert found.wanted == {}
    assert found.withdrawn == {KEY: "its address 10.1.0.2 was claimed by blog/b1 since"}


def test_an_evicted_instance_does_not_claim_its_address_back_in_the_same_run() -> None:
    published = {("blog", "b1"): service("b1", app="blog", node="n2", published=at(3))}
    assert claims(instance(), verdicts={KEY: verdict(ready=True)}, published=published) == Claims()
    later = claims(instance(started=at(4)), verdicts={KEY: verdict(ready=True, run=4)}, published=published)
    assert list(later.wanted) == [KEY]


def test_a_new_claim_evicts_an_older_one_of_the_same_node_at_once() -> None:
    newer = instance("b1", started=at(4))
    verdicts = {KEY: verdict(ready=True), ("shop", "b1"): verdict(ready=True, run=4)}
    found = claims(instance(), newer, verdicts=verdicts, published={KEY: service()})
    assert list(found.wanted) == [("shop", "b1")]
    assert list(found.withdrawn) == [KEY]


IDS = st.sampled_from(["a", "b", "c", "d"])
NODES = st.sampled_from(["n1", "n2"])
SECONDS = st.integers(0, 5)
ADDRESSES = st.sampled_from(["10.1.0.2", "10.1.0.3"])

instances = st.builds(
    instance,
    IDS,
    state=st.sampled_from(["running", "running", "running", "restarting", "exited"]),
    type=st.sampled_from(["web", "web", "cmd", "worker"]),
    address=st.one_of(ADDRESSES, st.none()),
    once=st.sampled_from([False, False, True]),
    started=SECONDS.map(at),
)
services = st.builds(
    service,
    IDS,
    node=NODES,
    address=ADDRESSES,
    ready=st.booleans(),
    published=SECONDS.map(at),
    run=st.one_of(SECONDS.map(at), st.none()),
    confirmed=st.one_of(SECONDS.map(at), st.none()),
)


@dataclass
class World:
    instances: list[Instance]
    verdicts: dict[Key, Health]
    retiring: set[Key]
    published: dict[Key, Service]
    complete: bool

    def claims(self, now: float) -> Claims:
        return claims(
            *self.instances,
            verdicts=self.verdicts,
            retiring=self.retiring,
            published=self.published,
            complete=self.complete,
            now=now,
        )


def by_key(records: list[Service]) -> dict[Key, Service]:
    return {(record.app, record.instance): record for record in records}


keys = IDS.map(lambda id_: ("shop", id_))
worlds = st.builds(
    World,
    st.lists(instances, unique_by=lambda one: one.id),
    st.dictionaries(
        keys,
        st.builds(
            verdict, ready=st.booleans(), run=SECONDS, live=st.booleans(), confirmed=st.one_of(SECONDS, st.none())
        ),
    ),
    st.sets(keys, max_size=2),
    st.lists(services, unique_by=lambda one: one.instance).map(
        lambda many: {("shop", one.instance): one for one in many}
    ),
    st.booleans(),
)


def written(published: dict[Key, Service], found: Claims) -> dict[Key, Service]:
    left = {key: record for key, record in published.items() if key not in found.withdrawn}
    return {**left, **found.wanted}


@given(worlds)
def test_what_was_written_is_what_is_wanted_from_then_on(world: World) -> None:
    for second in (6, 7, 8):  # an eviction may free an address for a third one
        world.published = written(world.published, world.claims(second))
    found = world.claims(9)
    assert written(world.published, found) == world.published


@given(worlds)
def test_only_records_of_the_own_node_are_withdrawn_and_none_is_both(world: World) -> None:
    found = world.claims(6)
    assert all(world.published[key].node == "n1" for key in found.withdrawn)
    assert not found.withdrawn.keys() & found.wanted.keys()
    assert all(claim.node == "n1" for claim in found.wanted.values())


@given(worlds)
def test_everything_wanted_runs_in_the_run_that_it_names_and_does_not_retire(world: World) -> None:
    seen = {("shop", one.id): one for one in world.instances}
    for key, claim in world.claims(6).wanted.items():
        if key in seen:
            assert key not in world.retiring
            assert (seen[key].state, seen[key].address, seen[key].started) == ("running", claim.address, claim.run)
        else:
            assert not world.complete
            assert claim == world.published[key]


@given(worlds)
def test_nothing_that_runs_once_is_wanted(world: World) -> None:
    once = {("shop", one.id) for one in world.instances if one.once}
    assert not once & world.claims(9).wanted.keys()


@given(worlds)
def test_no_address_is_wanted_twice(world: World) -> None:
    wanted = [claim.address for key, claim in world.claims(6).wanted.items() if key not in world.published]
    assert len(wanted) == len(set(wanted))


@given(worlds)
def test_without_any_verdict_nothing_of_a_present_run_changes(world: World) -> None:
    """A checker that died, or an empty `health/`, empties no pool."""
    world.verdicts = {}
    world.retiring = set()
    running = {("shop", one.id): one for one in world.instances}
    found = world.claims(6)
    for key, record in world.published.items():
        one = running.get(key)
        same_run = one is not None and (one.state, one.address, one.started) == ("running", record.address, record.run)
        alone = sum(other.address == record.address for other in world.published.values()) == 1
        if record.node == "n1" and same_run and alone and one is not None and one.type != "worker":
            assert (found.wanted[key].ready, found.wanted[key].confirmed) == (record.ready, record.confirmed)


@given(
    st.lists(st.tuples(IDS, NODES, SECONDS), min_size=2, max_size=4, unique_by=lambda one: one[0]),
    st.lists(NODES, min_size=12, max_size=12),
)
def test_nodes_that_claim_one_address_settle_on_one(born: list[tuple[str, str, int]], turns: list[str]) -> None:
    published: dict[Key, Service] = {}
    ready = {("shop", id_): verdict(ready=True, run=run) for id_, _, run in born}
    for second, node in enumerate([*turns, "n1", "n2", "n1", "n2", "n1", "n2"]):
        mine = [instance(id_, node=node, started=at(run)) for id_, owner, run in born if owner == node]
        found = claims(*mine, verdicts=ready, published=published, node=node, now=10 + second)
        published = written(published, found)
    assert len(published) == 1
