from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import Identity, InstanceSpec, Limits
from libs.engine.labels import BadLabels, Labelled, environment, labels, read

texts = st.text(min_size=1)
numbers = st.integers(0, 10**9)
identities = st.builds(
    Identity, id=texts, app=texts, app_uuid=texts, type=texts, number=numbers, release=numbers, generation=numbers
)
WHO = Identity("a1b2", "shop", "3f1c", "web", 1, 7, generation=2)


@given(identities, st.none() | st.integers(1, 65535), st.text(), st.none() | numbers)
def test_labels_tell_all_of_an_identity_again(who: Identity, port: int | None, checks: str, memory: int | None) -> None:
    assert read(
        labels(InstanceSpec(who, "x", port=port, checks=checks, limits=Limits(memory=memory)), "deis")
    ) == Labelled(who, port, checks, memory)


@given(identities, st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()) | st.none())  # noqa: DTZ001 - hypothesis adds the zones
def test_labels_tell_of_one_that_runs_once_until_when(who: Identity, until: datetime | None) -> None:
    assert read(labels(InstanceSpec(who, "x", once=True, until=until), "deis")) == Labelled(
        who, once=True, until=until.astimezone(UTC) if until else None
    )


def test_the_name_follows_v1_with_the_id_behind_it() -> None:
    assert WHO.name == "shop_v7.web.1-a1b2"


def test_every_label_has_the_platforms_prefix() -> None:
    found = labels(InstanceSpec(WHO, "x"), "blue")
    assert found["io.deis.platform"] == "blue"
    assert all(name.startswith("io.deis.") for name in found)
    assert "io.deis.port" not in found


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("io.deis.app", "", "io.deis.app is missing or empty"),
        ("io.deis.number", "one", "io.deis.number is 'one', not a number"),
        ("io.deis.until", "noon", "io.deis.until is 'noon', not a time"),
        ("io.deis.until", "2031-02-03T04:05:06", "io.deis.until is '2031-02-03T04:05:06', a time without its zone"),
        ("io.deis.release", "-1", "io.deis.release is '-1', not a number"),
        ("io.deis.number", "²", "io.deis.number is '²', not a number"),
        ("io.deis.port", "70000", "io.deis.port is 70000, not a TCP port"),
    ],
)
def test_labels_that_are_wrong_are_named(name: str, value: str, words: str) -> None:
    with pytest.raises(BadLabels, match=words):
        read({**labels(InstanceSpec(WHO, "x"), "deis"), name: value})


def test_a_process_sees_its_config_and_the_platforms_word_wins() -> None:
    given_ = {"GREETING": "hi", "DEIS_APP": "mine", "PORT": "1"}
    assert environment(InstanceSpec(WHO, "x", environment=given_, port=8000)) == {
        "GREETING": "hi",
        "PORT": "8000",
        "DEIS_APP": "shop",
        "DEIS_RELEASE": "v7",
        "DEIS_PROCESS": "web.1",
    }
    assert "PORT" not in environment(InstanceSpec(WHO, "x"))
