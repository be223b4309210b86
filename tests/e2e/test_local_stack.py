"""`make demo`, `make up`, `make down` and `make reset`, as a newcomer runs them."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.platform import CommandFailed, platform, processes_under
from tests.support.tails import following


@pytest.fixture
def directory() -> Iterator[Path]:
    """A folder with a short path, as sockets need it."""
    path = Path(tempfile.mkdtemp(prefix="deis-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_the_demo_does_the_main_job_again_and_again_and_down_and_up_keep_it(directory: Path) -> None:
    async with platform(directory, extra={"DEIS_LAYOUT": "shared", "DEIS_PROFILE": "demo"}) as running:
        first = await running.local("demo")
        assert "registered as demo" in first
        assert "The platform runs" in first
        assert running.settings.app_url("hello") in first
        again = await running.local("demo")
        assert "logged in from an earlier run" in again
        assert "there from an earlier run" in again
        before = await running.containers("hello")
        assert len(before) == 3

        async with following(running, "hello", "-n", "1") as tail:
            seen = await tail.shows("hello[")
            await running.kill("control")  # whoever keeps, ships and gives tickets, all in one
            await running.get("hello")
            await tail.shows(": GET / from", after=seen)

        assert "3 containers stopped" in await running.local("down")
        assert await running.run("pgrep", "-f", f"{running.settings.home}/", check=False) == ""

        await running.local("up")

        assert (await running.listing_of_states("hello")) == ["up", "up", "up"]
        assert await running.containers("hello") == before
    assert processes_under(directory) == []
    assert not running.settings.home.exists()


async def test_a_port_in_use_is_named_with_its_owner_and_nothing_is_started(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandFailed) as caught:
            async with platform(directory, extra={"DEIS_ROUTER_HTTP_PORT": str(port)}):
                pass
    assert f"DEIS_ROUTER_HTTP_PORT: port {port} is held by" in str(caught.value)
    assert f"(pid {os.getpid()})" in str(caught.value)
    assert not (directory / "deis").exists()
    assert processes_under(directory) == []


async def test_an_engine_that_cannot_run_is_told_in_one_line_in_its_own_words(directory: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        async with platform(directory, extra={"DEIS_DOCKER_OPTIONS": "--storage-driver=none-such"}):
            pass
    told = [line for line in str(caught.value).splitlines() if "Docker cannot run here" in line]
    assert len(told) == 1
    assert "driver not supported" in told[0]
    assert "DEIS_DOCKER_HOST" in told[0]


async def test_a_daemon_that_cannot_start_is_named_with_its_last_words(directory: Path) -> None:
    with pytest.raises(CommandFailed) as caught:
        async with platform(directory, extra={"DEIS_SUBNET": "none-such", "DEIS_LAYOUT": "shared"}):
            pass
    assert "ends again and again" in str(caught.value)
    assert "none-such" in str(caught.value)
    assert processes_under(directory) == []
