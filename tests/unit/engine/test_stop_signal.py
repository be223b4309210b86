from __future__ import annotations

import pytest

from libs.engine.drivers.docker.stopping import stop_signal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("SIGQUIT", 3),
        ("QUIT", 3),
        ("3", 3),
        ("SIGRTMIN+3", 37),
        ("what", None),
        ("", None),
    ],
)
def test_an_image_names_its_stop_signal_in_many_ways(text: str, expected: int | None) -> None:
    assert stop_signal(text) == expected
