from __future__ import annotations

import pytest

from libs.engine.references import is_id, is_plausible, normal, split

ID = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reference", "whole"),
    [
        ("hello", "hello:latest"),
        ("hello:", "hello:latest"),
        ("hello:v2", "hello:v2"),
        ("team/hello", "team/hello:latest"),
        ("host:5000/hello", "host:5000/hello:latest"),
        ("host:5000/team/hello:v2", "host:5000/team/hello:v2"),
        (f"hello@{ID}", f"hello@{ID}"),
        (f"host:5000/hello:v2@{ID}", f"host:5000/hello@{ID}"),
        (ID, ID),
    ],
)
def test_a_reference_has_its_tag_or_digest_spelled_out(reference: str, whole: str) -> None:
    assert normal(reference) == whole
    assert normal(whole) == whole


def test_a_port_is_no_tag_and_a_digest_hides_the_tag() -> None:
    assert split("host:5000/hello") == ("host:5000/hello", "latest")
    assert split(f"hello:v2@{ID}") == ("hello", ID)


@pytest.mark.parametrize("reference", ["", "/x", "a b", "../x", "x/../y", "a//b", "x?y=z", "é", "x\n", "a" * 513])
def test_what_could_lead_elsewhere_is_no_reference(reference: str) -> None:
    assert not is_plausible(reference)


def test_only_a_whole_id_is_an_id() -> None:
    assert is_id(ID)
    assert not is_id("abcdef")
    assert not is_id(f"hello@{ID}")
