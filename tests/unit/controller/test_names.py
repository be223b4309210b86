"""Which names apps and domains may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.hostnames import INVALID, NO_WILDCARDS, fqdn, wrong_with_hostname
from services.controller.names import random_app_id, wrong_with_app_id
from services.controller.words import ADJECTIVES, NOUNS

CHARACTERS = "App IDs can only contain [a-z0-9-]."
SLUG = "Enter a valid 'slug' consisting of letters, numbers, underscores or hyphens."
HYPHEN = "App IDs cannot begin or end with a hyphen."


@pytest.mark.parametrize("app_id", ["a", "0", "hello", "hello-world", "a--b", "x" * 63, "42"])
def test_a_dns_label_is_a_good_app_id(app_id: str) -> None:
    assert wrong_with_app_id(app_id) == []


@pytest.mark.parametrize(
    ("app_id", "said"),
    [
        ("Hello", [CHARACTERS]),
        ("he_llo", [CHARACTERS]),
        ("he llo", [CHARACTERS, SLUG]),
        ("he.llo", [CHARACTERS, SLUG]),
        ("hello\n", [CHARACTERS, SLUG]),
        ("../etc", [CHARACTERS, SLUG]),
        ("ünder", [CHARACTERS, SLUG]),
        ("-a", [HYPHEN]),
        ("a-", [HYPHEN]),
        ("-", [HYPHEN]),
        ("deis", ["deis is a reserved name."]),
        ("deis-store", ["deis-store is a reserved name."]),
        ("x" * 64, ["Ensure this field has no more than 63 characters."]),
    ],
)
def test_a_bad_app_id_is_refused_in_v1s_words(app_id: str, said: list[str]) -> None:
    assert wrong_with_app_id(app_id) == said


@given(st.text())
def test_a_good_app_id_is_a_dns_label(text: str) -> None:
    if text and not wrong_with_app_id(text):
        assert wrong_with_hostname(f"{text.replace('--', '-')}.example.org") in {None, INVALID}
        assert len(text) <= 63
        assert text.isascii()
        assert not text.startswith("-")
        assert not text.endswith("-")


def test_random_ids_are_good_ones() -> None:
    assert {len(word) for word in ADJECTIVES} == {6}
    assert {len(word) for word in NOUNS} == {8}
    assert len(set(ADJECTIVES)) * len(set(NOUNS)) >= 35_000
    assert wrong_with_app_id(random_app_id()) == []


@pytest.mark.parametrize(
    "name",
    [
        "example.org",
        "www.example.org",
        "UPPER.example.org",
        "localhost",
        "a-b.c",
        "1.xip.io",
        "xn--bcher-kva.example",
        "www.XN--E1AFMKFD.xn--p1ai",
        "10--1.app.xip.io",
        "x1.y2",
        ("a" * 63 + ".") * 3 + "org",
    ],
)
def test_a_host_name_is_taken(name: str) -> None:
    assert wrong_with_hostname(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("*.example.org", NO_WILDCARDS),
        ("*", NO_WILDCARDS),
        ("-a.example.org", INVALID),
        ("a-.example.org", INVALID),
        ("a--b.example.org", INVALID),
        ("xn--.example.org", INVALID),
        ("xn--a--b.example.org", INVALID),
        ("a-xn--b.example.org", INVALID),
        ("123.example.org", INVALID),
        ("example1", INVALID),
        ("a..b", INVALID),
        (".", INVALID),
        ("a b.example.org", INVALID),
        ("a_b.example.org", INVALID),
        ("example.org\n", INVALID),
        ("x\ny.xip.io", INVALID),
        ("a/b.xip.io", INVALID),
        ("bücher.example", INVALID),
        ("a" * 64 + ".org", INVALID),
        ("a." * 128, "Ensure this field has no more than 255 characters."),
    ],
)
def test_a_bad_host_name_is_refused_in_v1s_words(name: str, said: str) -> None:
    assert wrong_with_hostname(name) == said


def test_a_name_is_kept_in_one_form() -> None:
    assert fqdn("WWW.Example.ORG.") == "www.example.org"
