"""What every kind of drain does, at a real receiver of each of its schemes."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from libs.keyspace.records import Drain
from services.logger.drains import kinds
from services.logger.drains.course import Bounds, Course
from services.logger.drains.kind import Terms
from services.logger.drains.way import Way
from tests.contract.drains.receivers import RECEIVERS, Receiver, numbers
from tests.integration.logger.drained import Said, a_drain, draining
from tests.support.certificates import make_certificate
from tests.support.waiting import eventually

MIB = 1024 * 1024
PATIENT = Terms(Way(inward=True), connect_seconds=5.0, stall_seconds=60.0, settle_seconds=0.2)
TOLD = re.compile(rb"Error L10 \(output buffer overflow\): ([0-9]+) messages dropped since ")


def schemes() -> Iterator[str]:
    for found in pkgutil.iter_modules(kinds.__path__):
        yield from importlib.import_module(f"{kinds.__name__}.{found.name}").SCHEMES


@pytest.fixture(params=sorted(schemes()))
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Receiver:
    return RECEIVERS[request.param](tmp_path)


@pytest.fixture(params=sorted(scheme for scheme in schemes() if scheme.endswith(("s", "+tls"))))
def verified(request: pytest.FixtureRequest, tmp_path: Path) -> Receiver:
    """A receiver whose certificate is verified."""
    found = RECEIVERS[request.param](tmp_path)
    assert found.ca
    return found


def drain_to(receiver: Receiver) -> Drain:
    return a_drain(receiver.url, ca=receiver.ca)


def address(receiver: Receiver) -> str:
    return urlsplit(receiver.url).netloc


def told(receiver: Receiver) -> int:
    """Lines that the receiver was told of as dropped."""
    return sum(int(found[1]) for text in receiver.texts() if (found := TOLD.search(text)))


async def say_much(said: Said, lines: int) -> None:
    for _ in range(lines // 1000):
        said.say(1000, size=200)
        await asyncio.sleep(0)


def accounted(course: Course, said: Said) -> bool:
    state = course.state()
    return state.waiting == 0 and state.sent + state.dropped == said.next


async def test_all_lines_are_delivered_in_order_and_once(receiver: Receiver) -> None:
    said = Said()
    async with receiver.running(), draining(drain_to(receiver), said, terms=PATIENT) as course:
        await say_much(said, 10_000)
        await eventually(lambda: accounted(course, said))
        await eventually(lambda: len(numbers(receiver)) >= 10_000)
    assert numbers(receiver) == list(range(10_000))
    assert (course.state().dropped, course.state().error) == (0, "")


async def test_over_a_restart_of_the_receiver_each_line_arrives_or_is_told_as_dropped(receiver: Receiver) -> None:
    said = Said()
    async with draining(drain_to(receiver), said, terms=PATIENT, bounds=Bounds(size=MIB)) as course:
        async with receiver.running():
            said.say(500)
            await eventually(lambda: course.state().sent == 500)
            await eventually(lambda: len(numbers(receiver)) >= 500)
        await say_much(said, 20_000)
        await eventually(lambda: course.state().failing is not None)
        dropped = course.state().dropped
        assert dropped > 0
        async with receiver.running():
            await eventually(lambda: accounted(course, said))
            await eventually(lambda: len(set(numbers(receiver))) == said.next - course.state().dropped)
            state = course.state()
            assert (state.error, state.failing) == ("", None)
            assert told(receiver) == state.dropped
    assert len(set(range(said.next)) - set(numbers(receiver))) == state.dropped


async def test_where_nobody_listens_the_error_says_where_and_the_lines_are_kept(receiver: Receiver) -> None:
    said = Said()
    async with draining(drain_to(receiver), said, terms=PATIENT) as course:
        said.say(10)
        await eventually(lambda: course.state().error == f"{address(receiver)} cannot be reached: Connection refused")
        assert course.state().failing is not None
        assert (course.state().sent, course.state().dropped, course.state().waiting) == (0, 0, 10)
        async with receiver.running():
            await eventually(lambda: course.state().sent == 10)
            await eventually(lambda: numbers(receiver) == list(range(10)))


async def test_a_slow_receiver_costs_the_oldest_lines_and_is_told_in_the_stream_as_in_the_state(
    receiver: Receiver,
) -> None:
    said = Said()
    async with receiver.running(), draining(drain_to(receiver), said, terms=PATIENT, bounds=Bounds(size=MIB)) as course:
        said.say(10)
        await eventually(lambda: course.state().sent == 10)
        receiver.hang()
        while course.state().dropped < 1000:  # the kernels between hold some
            await say_much(said, 5000)
        receiver.go_on()
        await eventually(lambda: accounted(course, said))
        await eventually(lambda: told(receiver) == course.state().dropped)
        await eventually(lambda: len(numbers(receiver)) == said.next - course.state().dropped)
    got = numbers(receiver)
    assert got == sorted(set(got))


async def test_a_drain_ends_though_its_receiver_hangs(receiver: Receiver) -> None:
    said = Said()
    async with receiver.running():
        async with asyncio.timeout(20):  # of which the receiver's own time is the most
            async with draining(drain_to(receiver), said, terms=PATIENT) as course:
                said.say(10)
                await eventually(lambda: course.state().sent == 10)
                receiver.hang()
                await say_much(said, 50_000)
                await eventually(lambda: course.state().waiting > 0)
        receiver.go_on()


async def test_a_certificate_of_another_authority_is_an_error_that_names_the_receiver(verified: Receiver) -> None:
    said, other = Said(), make_certificate("localhost", ["localhost"])
    async with verified.running():
        async with draining(a_drain(verified.url, ca=other.pem), said, terms=PATIENT) as course:
            said.say(1)
            await eventually(
                lambda: course.state().error.startswith(f"the certificate of {address(verified)} is not trusted: ")
            )
            assert course.state().waiting == 1
        assert verified.texts() == []


async def test_a_certificate_for_another_name_is_an_error_that_names_the_receiver(verified: Receiver) -> None:
    said = Said()
    url = verified.url.replace("localhost", "127.0.0.1")
    async with verified.running():
        async with draining(a_drain(url, ca=verified.ca), said, terms=PATIENT) as course:
            said.say(1)
            where = urlsplit(url).netloc
            await eventually(
                lambda: course.state().error.startswith(
                    f"the certificate of {where} is not trusted: IP address mismatch"
                )
            )
        assert verified.texts() == []
