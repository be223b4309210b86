"""What an instance writes, to lines; and who may follow."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.document import now
from libs.keyspace.records import Planned
from services.controller.errors import TooManyFollowers
from services.controller.followers import Followers
from services.controller.lines import asked_for
from services.controller.output import CUT, LONGEST, Joiner, hear_output
from tests.support.waiting import eventually

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


@given(st.lists(TEXT), st.sampled_from([b"\n", b"\r\n"]))
def test_pieces_of_a_line_come_together(parts: list[str], end: bytes) -> None:
    joiner = Joiner()
    for part in parts:
        assert joiner.feed(part.encode()) is None
    assert joiner.feed(end) == "".join(parts)
    assert joiner.feed(b"next" + end) == "next"


@given(st.lists(st.integers(1, LONGEST), min_size=1, max_size=5))
def test_of_a_long_line_the_beginning_is_told(sizes: list[int]) -> None:
    joiner = Joiner()
    for size in sizes:
        assert joiner.feed(b"x" * size) is None
    assert joiner.feed(b"\n") == "x" * min(sum(sizes), LONGEST) + (CUT if sum(sizes) > LONGEST else "")


def test_what_is_no_text_is_replaced() -> None:
    assert Joiner().feed(b"a\xff\x00b\n") == "a\ufffd\x00b"


async def test_the_last_words_are_heard_without_an_end_of_line_and_a_broken_line_of_the_engine_loses_none() -> None:
    engine, heard = MemoryEngine(), list[Any]()
    identity = Identity("a1", "shop", "u", "web", 1, 2)
    await engine.start(InstanceSpec(identity, engine.add_image("shop").digest))
    planned = Planned(id="a1", name=identity.name, type="web", number=1, planned=now())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(hear_output(engine, planned, heard.append))
        for number in range(3):
            engine.say(identity.name, b"%d\n" % number)
        await eventually(lambda: len(heard) == 3)
        with engine.away():
            engine.say(identity.name, b"3\n")
            engine.say(identity.name, b"panic: boom")
        await eventually(lambda: len(heard) == 4)
        await engine.stop(identity.name, grace=0)
    assert [(one["instance"], one["line"]) for one in heard] == [
        ("web.1", line) for line in ("0", "1", "2", "3", "panic: boom")
    ]


@pytest.mark.parametrize(
    ("method", "accept", "wanted"),
    [
        ("POST", "application/x-ndjson", True),
        ("GET", "application/x-ndjson, application/json", True),
        ("POST", "application/json, Application/X-NDJSON;q=0.9", True),
        ("HEAD", "application/x-ndjson", False),
        ("POST", "application/json", False),
        ("POST", "*/*", False),
        ("POST", "", False),
    ],
)
def test_lines_are_for_who_asks_for_them(method: str, accept: str, wanted: bool) -> None:
    assert asked_for(make_mocked_request(method, "/", headers={"Accept": accept})) == wanted


def test_one_user_has_some_of_the_places_at_most() -> None:
    followers = Followers(3, of_one=1)
    first, second, others = (
        make_mocked_request("POST", "/", headers={"Accept": "application/x-ndjson"}) for _ in range(3)
    )
    with followers.place(first, "ann"):
        with pytest.raises(TooManyFollowers, match="1 clients of yours"), followers.place(second, "ann"):
            pass
        with followers.place(others, "bob"):
            assert len(followers) == 2


def test_a_place_is_free_again_once_its_reader_left() -> None:
    followers = Followers(1)
    one, two, plain = (
        make_mocked_request("POST", "/", headers={"Accept": accept}) for accept in ("application/x-ndjson",) * 2 + ("",)
    )
    with followers.place(one, "ann"):
        with pytest.raises(TooManyFollowers, match="followed by 1 clients"), followers.place(two, "ann"):
            pass
        with followers.place(plain, "ann"):
            assert len(followers) == 1
        followers.leave(one)
        with followers.place(two, "ann"):
            assert len(followers) == 1
    assert len(followers) == 0
