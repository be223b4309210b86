from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.publisher.presence import MOST_RESERVED, own_share, this_node
from services.publisher.settings import PublisherSettings


@given(st.integers(0, 1 << 44))
def test_a_host_keeps_a_tenth_of_its_memory_but_no_more_than_its_daemons_can_need(memory: int) -> None:
    assert own_share(memory) == min(memory // 10, MOST_RESERVED)


def test_the_operators_word_wins_and_is_no_more_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PublisherSettings().publisher_reserved_memory is None
    for text, expected in (("0", 0), ("268435456", 256 << 20), ("256MiB", 256 << 20)):
        monkeypatch.setenv("DEIS_PUBLISHER_RESERVED_MEMORY", text)
        reserved = PublisherSettings().publisher_reserved_memory
        assert this_node("10.0.0.1", {}, reserved=reserved).reserved == expected
    node = this_node("10.0.0.1", {}, reserved=1 << 60)
    assert node.reserved == node.memory
