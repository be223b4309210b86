from __future__ import annotations

import pytest

from libs.client.durations import parse_seconds
from libs.client.errors import BadArgument
from libs.client.knobs import KNOBS, knob_named, parse_settings, rows


def test_settings_are_read_by_their_friendly_names_and_by_the_apis() -> None:
    texts = ["surge=50%", "parallel=2", "drain=60", "drain-websocket=10m", "stop-grace=30s", "response-timeout=1m"]
    assert parse_settings(texts) == {
        "surge": "50%",
        "parallel": 2,
        "drain_seconds": 60,
        "drain_websocket_seconds": 600,
        "stop_grace_seconds": 30,
        "response_timeout_seconds": 60,
    }
    assert parse_settings(["startup_limit_seconds=0.5", "Drain=0"]) == {
        "startup_limit_seconds": 0.5,
        "drain_seconds": 0,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drian=1", '"drian" is no setting; did you mean drain?'),
        ("colour=1", '"colour" is no setting; there are surge, parallel,'),
        ("drain", '"drain" is no NAME=VALUE pair'),
        ("drain=", '"drain=" is no time'),
        ("drain=5 minutes", '"drain=5 minutes" is no time'),
        ("drain=-1", '"drain=-1" is no time'),
        ("surge=half", '"surge=half" is no surge: write surge=2, surge=50%, or surge=0'),
        ("surge=-1", "is no surge"),
        ("parallel=0", '"parallel=0" is no number of processes'),
        ("parallel=50%", "is no number of processes"),
    ],
)
def test_what_is_no_setting_or_no_value_of_one_is_named(text: str, said: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_settings(["stop-grace=1", text])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("1.5m", 90), ("2h", 7200), ("250ms", 0.25), ("0", 0), ("0.1", 0.1)],
)
def test_a_time_is_seconds_or_has_its_unit(text: str, seconds: float) -> None:
    assert parse_seconds(text, "drain") == seconds
    assert isinstance(parse_seconds(text, "drain"), type(seconds))


@pytest.mark.parametrize("text", ["", "s", "1d", "1m30s", "1e3", "nan", "inf", "-5", "1_0", "٣", ".5"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="is no time"):
        parse_seconds(text, "drain")


def test_each_setting_is_listed_with_its_default_and_a_newer_controllers_by_the_apis_name() -> None:
    settings = {**{knob.field: None for knob in KNOBS}, "drain_seconds": 90.0, "newer": 7}
    shown = {name: cells for name, *cells in rows(settings, {"drain_seconds": 30.0, "newer": 5})}
    assert shown["drain"][:2] == ["90s", "30s"]
    assert shown["surge"][:2] == ["25%, at least 1", "25%, at least 1"]
    assert shown["newer"] == ["7", "5", ""]
    assert list(shown) == [*(knob.name for knob in KNOBS), "newer"]


def test_a_setting_is_named_in_either_way() -> None:
    for knob in KNOBS:
        assert knob_named(knob.name) is knob_named(knob.field) is knob
        assert knob.about
