"""Whether a later release has an earlier one's change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.carrying import carries
from services.controller.summary import Content

VALUES = st.dictionaries(st.sampled_from("ABC"), st.sampled_from("12"))
CONTENTS = st.builds(Content, build=st.sampled_from(["b1", "b2", None]), values=VALUES, tags=VALUES, probes=VALUES)


@given(CONTENTS, CONTENTS)
def test_a_release_carries_its_own_change(before: Content, after: Content) -> None:
    assert carries(after, before, after)


@given(CONTENTS, CONTENTS)
def test_what_changes_nothing_is_carried_by_all(later: Content, before: Content) -> None:
    assert carries(later, before, before)


@given(CONTENTS, CONTENTS)
def test_a_release_that_is_as_before_carries_no_change(before: Content, after: Content) -> None:
    assert carries(before, before, after) == (before == after)


@pytest.mark.parametrize(
    ("later", "carried"),
    [
        (Content(build="b", values={"A": "1", "B": "2", "C": "3"}), True),
        (Content(build="b", values={"A": "1", "B": "3"}), False),
        (Content(build="b", values={"A": "1", "B": "2", "D": "1"}), False),
        (Content(build="other", values={"B": "2"}), True),
    ],
)
def test_values_set_and_taken_away_must_be_so(later: Content, carried: bool) -> None:
    before, after = Content(build="b", values={"A": "1", "D": "1"}), Content(build="b", values={"A": "1", "B": "2"})
    assert carries(later, before, after) is carried
