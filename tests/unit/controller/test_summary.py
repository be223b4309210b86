"""What a release's summary says: v1's words."""

from __future__ import annotations

import pytest

from services.controller.summary import Content, initial, rolled_back, summarise

V1 = Content()


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        (V1, V1, "admin changed nothing"),
        (V1, Content(build="b", image="acme/web:v3"), "admin deployed acme/web:v3"),
        (V1, Content(build="b", image="web", sha="0123456789abcdef"), "admin deployed 0123456"),
        (Content(build="b"), Content(build="b", image="other"), "admin changed nothing"),
        (V1, Content(values={"B": "1", "A": "1"}), "admin added A, B"),
        (Content(values={"A": "1", "B": "1"}), Content(values={"A": "2"}), "admin changed A, deleted B"),
        (
            Content(values={"A": "1", "B": "1"}),
            Content(values={"A": "2", "C": "1"}),
            "admin added C, changed A, deleted B",
        ),
        (V1, Content(memory={"web": "1G"}, cpu={"web": 1}), "admin changed limits for memory, cpu"),
        (V1, Content(values={"Q": "1"}, memory={"web": "1G"}), "admin added Q and admin changed limits for memory"),
        (V1, Content(tags={"rack": "1"}), "admin added tag rack"),
        (
            Content(tags={"rack": "1", "ssd": "y"}),
            Content(tags={"rack": "2"}),
            "admin changed tag rack, deleted tag ssd",
        ),
        (V1, Content(probes={"web readiness": {}}), "admin added healthcheck web readiness"),
        (
            Content(probes={"web readiness": {"a": 1}, "web startup": {}}),
            Content(probes={"web liveness": {}, "web readiness": {"a": 2}}),
            "admin added healthcheck web liveness, changed healthcheck web readiness, deleted healthcheck web startup",
        ),
        (
            V1,
            Content(build="b", image="i", values={"A": "1"}, tags={"rack": "1"}),
            "admin deployed i and admin added A and admin added tag rack",
        ),
    ],
)
def test_a_summary_says_what_changed(before: Content, after: Content, summary: str) -> None:
    assert summarise("admin", before, after) == summary


def test_the_first_release_and_a_rollback_have_words_of_their_own() -> None:
    assert initial("admin") == "admin created initial release"
    assert rolled_back("admin", 3) == "admin rolled back to v3"
