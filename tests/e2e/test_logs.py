"""Logs on a whole platform, by the command: what was, what comes, and that nothing is lost when something is killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.conftest import IMAGE
from tests.support.counting import PROCFILE, Counted
from tests.support.further_logger import further_logger, keeper_of, own_logger
from tests.support.platform import Platform
from tests.support.tails import Tail, following
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

ALL = ("-n", "10000")
NONE = ("-n", "0")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def counter(deis_platform: Platform) -> AsyncIterator[str]:
    """An app of two processes that number their lines, for all tests that only read it."""
    name = f"app-{secrets.token_hex(3)}"
    await make(deis_platform, name, 2)
    yield name
    await deis_platform.deis("destroy", "-a", name, f"--confirm={name}")


@pytest_asyncio.fixture
async def own_counter(deis_platform: Platform, name: str) -> AsyncIterator[str]:
    """One of one process, to be changed; destroyed afterwards."""
    await make(deis_platform, name, 1)
    yield name
    await deis_platform.deis("destroy", "-a", name, f"--confirm={name}", check=False)


@pytest_asyncio.fixture
async def repaired(deis_platform: Platform) -> AsyncIterator[None]:
    """Whatever was killed or stopped runs again."""
    yield
    await deis_platform.local("up")
    await deis_platform.ready()


async def make(platform: Platform, name: str, count: int) -> None:
    await platform.deis("create", name, "--no-remote")
    await platform.deis("pull", f"{IMAGE}:v1", "-a", name, "--procfile", PROCFILE)
    await platform.deis("scale", "cmd=0", f"web={count}", "-a", name)


async def kill_process(platform: Platform, container: str) -> None:
    """`kill -9` an app's process."""
    os.kill(int(await platform.docker("inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)


def process(line: str) -> str:
    """The process of a line as users see it."""
    return line.partition("[")[2].partition("]")[0]


async def goes_on(tail: Tail, lines: int = 40) -> None:
    """Wait for so many more lines of the app, and assert that none is missing nor doubled."""
    await tail.more(lines)
    assert tail.counted.wrong(begun=False) == []


async def test_a_follower_sees_each_line_once_while_the_app_deploys_scales_crashes_and_is_replaced(
    deis_platform: Platform, own_counter: str
) -> None:
    deis = deis_platform.deis
    async with following(deis_platform, own_counter, *ALL) as tail:
        await tail.more(20)
        await deis("scale", "web=2", "-a", own_counter)
        await tail.runs(2)
        crashed, _ = await deis_platform.containers_at_rest(own_counter)
        await kill_process(deis_platform, crashed)
        await tail.runs(3)
        in_the_engine = Counted.of((await deis_platform.docker("logs", crashed)).splitlines())
        await deis("pull", f"{IMAGE}:v2", "-a", own_counter, "--procfile", PROCFILE)
        await tail.runs(5)
        await deis("scale", "web=0", "-a", own_counter)
        await eventually(lambda: len(tail.counted.ended) == 4, within=60, what="the last words of all that ended well")
        counted = tail.counted
        assert counted.wrong() == []
        (killed,) = counted.said.keys() - counted.ended.keys()
        assert counted.said[killed] == in_the_engine.said[killed]
        for words in (f"[deis]: ada deployed {IMAGE}:v2", "[deis]: ada scaled web=2", "[deis]: ada scaled web=0"):
            await tail.shows(words)
        assert {process(line) for line in tail.lines} >= {"web.1", "web.2", "deis"}
        assert tail.words == []
    history = await deis("logs", "-a", own_counter, *ALL)
    assert Counted.of(history.splitlines()).said == counted.said


@pytest.mark.parametrize(
    "programs",
    [("logger",), ("log_agent",), ("haproxy",), ("router",), ("docker",), ("logger", "log_agent", "haproxy", "etcd")],
    ids=lambda programs: programs[0] if len(programs) == 1 else f"{len(programs)} at once",
)
@pytest.mark.usefixtures("repaired")
async def test_a_follower_goes_on_by_itself_and_loses_nothing_when_it_is_killed(
    deis_platform: Platform, counter: str, programs: tuple[str, ...]
) -> None:
    async with following(deis_platform, counter, *NONE) as tail:
        await goes_on(tail)
        await deis_platform.kill(*programs)
        await goes_on(tail, 100)
        assert not [line for line in tail.lines if "missing here" in line]


@pytest.mark.usefixtures("repaired")
async def test_every_line_written_is_shown_whatever_is_killed_in_whatever_order(
    deis_platform: Platform, own_counter: str
) -> None:
    seed = secrets.randbelow(1_000_000)
    chance = random.Random(seed)
    await deis_platform.deis("config:set", "PAUSE=4000", "-a", own_counter)
    async with following(deis_platform, own_counter, *ALL) as tail:
        await tail.runs(2)
        for _ in range(5):
            await tail.more(chance.randrange(1, 300))
            await deis_platform.kill(*chance.sample(["logger", "log_agent", "docker"], chance.choice([1, 1, 2])))
        await deis_platform.ready()
        await deis_platform.deis("scale", "web=0", "-a", own_counter)
        await eventually(lambda: len(tail.counted.ended) == 2, within=60, what="the last words of both processes")
        assert tail.counted.wrong() == [], f"seed {seed}"


@pytest.mark.usefixtures("repaired")
async def test_a_standing_tail_goes_on_while_etcd_is_down(deis_platform: Platform, counter: str) -> None:
    async with following(deis_platform, counter, *NONE) as tail:
        await goes_on(tail)
        await asyncio.to_thread(deis_platform.supervisor.stop, "etcd")
        await goes_on(tail, 300)
        await asyncio.to_thread(deis_platform.supervisor.start, "etcd")
        await deis_platform.ready()
        await goes_on(tail)
        assert tail.words == []


async def test_an_app_moves_between_loggers_and_its_followers_with_it(deis_platform: Platform, counter: str) -> None:
    async with deis_platform.records() as records, following(deis_platform, counter, *NONE) as tail:
        await goes_on(tail)
        own = await own_logger(deis_platform, records)
        for end in (signal.SIGTERM, signal.SIGKILL):
            async with further_logger(deis_platform, records, keeps=counter) as second:
                assert await keeper_of(records, counter) == second.id != own.id
                await goes_on(tail, 100)
                assert "web.1" in await deis_platform.deis("logs", "-a", counter)
                os.kill(second.pid, end)

                async def moved_back() -> bool:
                    return await keeper_of(records, counter) == own.id

                await eventually(moved_back, within=60, what="the app at the platform's own logger again")
                await goes_on(tail, 100)


async def test_filters_choose_among_what_was_and_what_comes(deis_platform: Platform, counter: str) -> None:
    deis = deis_platform.deis
    lines = (await deis("logs", "-a", counter, *ALL, "--ps", "web.2")).splitlines()
    assert {process(line) for line in lines} == {"web.2"}
    lines = (await deis("logs", "-a", counter, *ALL, "--ps", "deis")).splitlines()
    assert {process(line) for line in lines} == {"deis"}
    lines = (await deis("logs", "-a", counter, "-n", "5", "--grep", "says [0-9]*7$")).splitlines()
    assert len(lines) == 5
    assert all(line.endswith("7") for line in lines)
    assert await deis("logs", "-a", counter, "--release", "v77") == ""
    assert await deis("logs", "-a", counter, "--until", "1h") == ""
    assert await deis("logs", "-a", counter, "--since", "1h", "-n", "3") != ""
    told = await deis("logs", "-a", counter, "--grep", "(", check=False)
    assert "grep" in told
    chosen = ("--ps", "web.1", "--grep", "says [0-9]*3$", "--json")
    async with following(deis_platform, counter, *NONE, *chosen) as tail:
        await tail.more(5)
        entries = [json.loads(line) for line in tail.lines]
    assert {entry["process"] for entry in entries} == {"web.1"}
    numbers = [int(entry["text"].rpartition(" ")[2]) for entry in entries]
    assert numbers == list(range(numbers[0], numbers[0] + 10 * len(numbers), 10))


async def test_whoever_may_read_no_more_is_cut_off_and_told(deis_platform: Platform, counter: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        bob = Platform(deis_platform.settings, {**deis_platform.environment, "HOME": home})
        url = f"http://deis.localhost:{deis_platform.settings.router_http_port}"
        await bob.deis("register", url, "--username", "bob", "--password", "correct horse", "--email", "b@example.com")
        try:
            assert "follow" not in await bob.deis("logs", "-f", "-a", counter, check=False)
            await deis_platform.deis("perms:create", "bob", "-a", counter)
            async with following(bob, counter, *NONE) as tail, following(deis_platform, counter, *NONE) as of_ada:
                await goes_on(tail)
                await goes_on(of_ada)
                await deis_platform.deis("perms:delete", "bob", "-a", counter)
                assert await tail.ends() == 1
                assert any(counter in word for word in tail.words), tail.words
                await goes_on(of_ada)
        finally:
            await bob.deis("auth:cancel", "--username", "bob", "--password", "correct horse", "--yes")


async def test_a_token_that_is_revoked_and_an_account_that_is_cancelled_take_their_followers_with_them(
    deis_platform: Platform, counter: str
) -> None:
    url = f"http://deis.localhost:{deis_platform.settings.router_http_port}"
    login = ("--username", "carl", "--password", "correct horse")
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as elsewhere:
        carl, again = (
            Platform(deis_platform.settings, {**deis_platform.environment, "HOME": one}) for one in (home, elsewhere)
        )
        await carl.deis("register", url, *login, "--email", "c@example.com")
        await again.deis("login", url, *login)
        await deis_platform.deis("perms:create", "carl", "-a", counter)
        async with following(carl, counter, *NONE) as tail, following(again, counter, *NONE) as other:
            await goes_on(tail)
            await goes_on(other)
            await again.deis("logout")
            assert await other.ends() == 1
            assert any("was revoked" in word for word in other.words), other.words
            await goes_on(tail)
            await carl.deis("auth:cancel", *login, "--yes")
            assert await tail.ends() == 1
            assert any(counter in word for word in tail.words), tail.words


async def test_the_tail_of_a_destroyed_app_ends_in_clear_words(deis_platform: Platform, own_counter: str) -> None:
    async with following(deis_platform, own_counter, *ALL) as tail:
        await goes_on(tail)
        await deis_platform.deis("destroy", "-a", own_counter, f"--confirm={own_counter}")
        await tail.ends()
        assert tail.counted.wrong() == []
        assert any("destroyed" in word for word in tail.words), tail.words
