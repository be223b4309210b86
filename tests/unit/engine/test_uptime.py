from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.engine import Identity, Instance
from libs.engine.drivers.docker.census import REMEMBERED_SECONDS, YOUNG_SECONDS, Sighting
from libs.engine.drivers.docker.uptime import foretold, human

BEGAN = 1_795_000_000.0
WHO = Identity("a1b2", "shop", "3f1c", "web", 1, 7)
SEEN = Instance(WHO, WHO.name, "running", started=datetime.fromtimestamp(BEGAN, UTC))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_durations_are_worded_as_docker_does(seconds: float, words: str) -> None:
    assert human(seconds) == words


@given(age=st.floats(YOUNG_SECONDS, 10**8), slack=st.floats(-1, 1))
def test_a_container_that_goes_on_is_recognised_give_or_take_a_second(age: float, slack: float) -> None:
    assert foretold(f"Up {human(age + slack)}", state="running", seconds=age, exit_code=None)


@given(
    age=st.floats(0, 10**7),  # when it was inspected
    later=st.floats(0, REMEMBERED_SECONDS, exclude_max=True),  # and how long ago that was at the next look
    back=st.floats(0, 1, exclude_max=True),  # when in between it began anew, as a part of that time
)
@example(age=10.0, later=49.99, back=0.0)
def test_a_new_start_between_two_looks_is_always_seen(age: float, later: float, back: float) -> None:
    uptime = later * (1 - back)
    sighting = Sighting(SEEN, at=BEGAN + age)
    assert not sighting.holds("running", f"Up {human(uptime)}", BEGAN + age + later)


def test_another_state_or_exit_code_is_another_sighting() -> None:
    ended = replace(SEEN, state="exited", exit_code=1, finished=datetime.fromtimestamp(BEGAN, UTC))
    sighting = Sighting(ended, at=BEGAN + 20)
    assert sighting.holds("exited", "Exited (1) 30 seconds ago", BEGAN + 30)
    assert not sighting.holds("exited", "Exited (0) 30 seconds ago", BEGAN + 30)
    assert not sighting.holds("running", "Up 30 seconds", BEGAN + 30)
    assert not Sighting(SEEN, at=BEGAN + 20).holds("running", "Up 30 seconds (Paused)", BEGAN + 30)
