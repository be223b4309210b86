"""Whatever befalls the store and the line to it: at rest, the mirror equals the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Mirror, Moved, StoreUnavailable
from libs.store.drivers.memory import MemoryLease, MemoryStore
from tests.support.virtual_time import VirtualLoop
from tests.support.waiting import eventually

NAMES = st.sampled_from(["a", "b", "c", "d/e"])
VALUES = st.integers(0, 3)


class MirrorMachine(RuleBasedStateMachine):
    """Writes through one line, mirrors over another, and lets both fail."""

    recent: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.collection = Keyspace().platform
        self.store = MemoryStore()
        self.line = self.store.fork()
        self.mirror = Mirror(self.line, self.collection, recent=self.recent)
        self.mirror.on_change(self.replay)
        self.replayed: dict[tuple[str, ...], PlatformSetting] = {}
        self.leases: list[MemoryLease] = []
        self.ended = asyncio.Event()
        self.running = self.loop.create_task(self.mirror_until_the_end())

    async def mirror_until_the_end(self) -> None:
        async with supervise(mirror=self.mirror.run()):
            await self.ended.wait()

    def replay(self, moves: Sequence[Moved[PlatformSetting]]) -> None:
        """What a consumer knows that hears only of changes."""
        for move in moves:
            assert self.replayed.get(move.parts) == move.old
            if move.new is None:
                del self.replayed[move.parts]
            else:
                self.replayed[move.parts] = move.new

    def do(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule(name=NAMES, value=VALUES)
    def put(self, name: str, value: int) -> None:
        self.do(self.store.put(self.collection.key(name), PlatformSetting(value=value).encode()))

    @rule(name=NAMES)
    def put_junk(self, name: str) -> None:
        self.do(self.store.put(self.collection.key(name), b"junk"))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.do(self.store.delete(self.collection.key(name)))

    @rule(names=st.sets(NAMES, min_size=1), value=VALUES, ttl=st.floats(0.1, 5.0))
    def put_with_a_lease(self, names: set[str], value: int, ttl: float) -> None:
        async def put() -> None:
            lease = await self.store.lease(ttl)
            self.leases.append(lease)
            for name in sorted(names):
                await self.store.put(self.collection.key(name), PlatformSetting(value=value).encode(), lease=lease)

        self.do(put())

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def end_a_lease(self, data: st.DataObject) -> None:
        self.store.expire(self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1))))

    @rule()
    def drop_watches(self) -> None:
        self.line.drop_watches()

    @rule()
    def compact(self) -> None:
        self.store.compact()

    @rule(seconds=st.sampled_from([0.0, 0.01, 1.0]))
    def delay(self, seconds: float) -> None:
        self.line.delay = seconds

    @rule(cut=st.booleans())
    def cut(self, cut: bool) -> None:
        self.line.unavailable = cut

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.1, 3.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(value=VALUES)
    def go_back_to_a_snapshot(self, value: int) -> None:
        """A restored store that nobody guards: the lists are right even then."""

        async def go_back() -> None:
            pages = self.store.snapshot()
            await self.store.put(self.collection.key("a"), PlatformSetting(value=value).encode())
            self.store.restore(pages)

        self.do(go_back())

    @rule()
    def come_to_rest(self) -> None:
        self.do(self.rest())

    async def rest(self) -> None:
        self.line.unavailable, self.line.delay = False, 0.0
        listing = await self.store.list(self.collection.under())

        def caught_up() -> bool:
            return self.mirror.current and self.mirror.revision >= listing.revision

        await eventually(caught_up, what="the mirror stands where the store stands")
        await asyncio.sleep(10)  # leases end, and what they end is seen
        listing = await self.store.list(self.collection.under())
        good = {e.key: PlatformSetting.decode(e.value) for e in listing.entries if e.value != b"junk"}
        junk = {entry.key for entry in listing.entries if entry.value == b"junk"}
        held = {self.collection.key(*parts): document for parts, document in self.mirror.items()}
        assert {key: document for key, document in held.items() if key not in junk} == good
        assert self.mirror.bad.keys() == junk
        assert self.mirror.revision == listing.revision

    @invariant()
    def its_changes_add_up_to_what_it_holds(self) -> None:
        assert not self.running.done()
        assert dict(self.mirror.items()) == self.replayed

    def teardown(self) -> None:
        self.do(self.rest())
        self.ended.set()
        self.do(self.running)
        self.loop.close()


MirrorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMirrorMachine = MirrorMachine.TestCase


class PackedMirrorMachine(MirrorMachine):
    """The same with values packed, and two documents at hand."""

    recent = 2


PackedMirrorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPackedMirrorMachine = PackedMirrorMachine.TestCase


async def test_a_cut_line_answers_nothing() -> None:
    """The machine's faults are real ones."""
    line = MemoryStore()
    line.unavailable = True
    for verb in (line.get("a"), line.list("a"), line.put("a", b""), line.delete("a"), line.lease(1), line.identity()):
        try:
            await verb
        except StoreUnavailable:
            continue
        raise AssertionError(verb)
