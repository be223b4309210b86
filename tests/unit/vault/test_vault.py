"""Sealing config values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace import Sealed
from libs.vault import KeyMissing, SealBroken, Vault, read_keys

KEY = b"k" * 32


@given(st.dictionaries(st.text(), st.text()))
def test_what_is_sealed_opens_again(values: dict[str, str]) -> None:
    vault = Vault({"one": KEY})
    assert vault.unseal("app", vault.seal("app", values)) == values


def test_a_seal_shows_nothing_and_never_looks_the_same() -> None:
    vault = Vault({"one": KEY})
    first, second = vault.seal("app", {"A": "secret"}), vault.seal("app", {"A": "secret"})
    assert first != second
    assert "secret" not in first


def test_another_apps_values_do_not_open() -> None:
    vault = Vault({"one": KEY})
    with pytest.raises(SealBroken):
        vault.unseal("other", vault.seal("app", {"A": "1"}))


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-8] + "AAAAAAA=", lambda s: s + "!", lambda s: "one:", lambda s: "", lambda s: "one"]
)
def test_a_damaged_seal_does_not_open(damage: object) -> None:
    vault = Vault({"one": KEY})
    assert callable(damage)
    with pytest.raises(SealBroken):
        vault.unseal("app", Sealed(damage(vault.seal("app", {"A": "1"}))))


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    old = Vault({"one": KEY})
    both = Vault({"two": b"n" * 32, "one": KEY})
    assert both.unseal("app", old.seal("app", {"A": "1"})) == {"A": "1"}
    assert both.seal("app", {}).startswith("two:")
    with pytest.raises(KeyMissing, match="key 'two', which is not in the key file"):
        old.unseal("app", both.seal("app", {}))


@pytest.mark.parametrize(
    "text", ["nonsense", "a:b " + "A" * 43 + "=", "a QUJD", "a", "a " + "ü" * 44, "a/b " + "A" * 43 + "="]
)
def test_a_line_that_is_no_key_is_named(text: str) -> None:
    with pytest.raises(SealBroken, match="line 2"):
        read_keys("# keys\n" + text)


def test_an_empty_key_file_is_refused() -> None:
    with pytest.raises(SealBroken, match="no key"):
        Vault({})
