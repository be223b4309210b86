"""Records of instances whose lines no frame can carry are told before anybody follows them."""

from __future__ import annotations

import pytest

from libs.keyspace.records import Instance
from services.log_agent.lane import Lane, unfit

FIT = Instance(
    id="i1",
    name="shop_v1.web.1-i1",
    node="n1",
    app="shop",
    app_uuid="uuid-shop",
    type="web",
    number=1,
    release=1,
    state="running",
)


def lane_of(instance: Instance) -> Lane:
    lane = Lane(instance, "reading", 0, lambda _: None, lambda: "[]")
    lane.put([b"18b2f3c5a1d3e000oline\n"])
    return lane


def test_a_fit_record_has_no_reason_and_its_lines_are_taken() -> None:
    assert unfit(FIT) == ""
    assert lane_of(FIT).take() is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [("app_uuid", ""), ("app", ""), ("id", "x" * 129), ("type", "x" * 129), ("release", -1)],
)
def test_a_record_whose_lines_no_frame_carries_is_told_by_its_field(field: str, value: object) -> None:
    reason = unfit(FIT.model_copy(update={field: value}))
    assert reason.startswith({"id": "instance", "type": "process"}.get(field, field))
