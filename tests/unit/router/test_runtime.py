from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.router.runtime import LONGEST_LINE, _batches


@given(st.lists(st.text("abc ", min_size=1, max_size=3000), max_size=40))
def test_commands_are_said_in_order_in_lines_that_fit(commands: list[str]) -> None:
    batches = list(_batches(commands))
    assert [command for batch in batches for command in batch] == commands
    assert all(batches)
    assert all(len(";".join(batch)) <= LONGEST_LINE for batch in batches)
