"""An app's settings: what is taken, and what comes of a change."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import AppSettings
from services.controller.app_settings import KNOWN, changed, read_settings, sentence, shown
from services.controller.errors import BadFields

VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["0", "2", "50%", "1.5", "86400", [], {}])
)


@given(st.dictionaries(st.sampled_from([*KNOWN, "colour"]), VALUES))
def test_any_settings_are_refused_or_hold(given_: dict[str, Any]) -> None:
    try:
        change = read_settings({"settings": given_})
    except BadFields as refused:
        (said,) = refused.fields.values()
        assert {message.partition(":")[0] for message in said} <= given_.keys()
        return
    after = changed(AppSettings(), change)
    assert changed(after, change) == after
    told = shown(after)
    again = read_settings({"settings": {name: value for name, value in told.items() if value is not None}})
    assert changed(AppSettings(), again) == after
    for name in KNOWN.keys() - given_.keys():
        assert getattr(after, name) == getattr(AppSettings(), name)


def test_a_setting_that_is_given_back_has_its_default() -> None:
    after = changed(AppSettings(drain_seconds=5, surge="2", maintenance=True), {"drain_seconds": None, "surge": None})
    assert after == AppSettings(maintenance=True)


def test_the_event_says_what_was_set() -> None:
    words = sentence("ann", {"surge": "50%", "drain_seconds": 60.0, "parallel": None})
    assert words == "ann set drain_seconds=60, parallel=default, surge=50%"
