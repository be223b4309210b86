"""The vault of a running process: it follows its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from libs.vault import KeyMissing, LiveVault
from libs.vault.keyfile import KeyFile, new_key, put_first


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "config.key"


def test_without_a_file_nothing_is_sealed_and_none_is_made(path: Path) -> None:
    vault = LiveVault(path)
    with pytest.raises(KeyMissing, match=rf"no key in {path}; bring it .* `deis-daemon vault backup - | ssh"):
        vault.seal("app", {})
    assert vault.trouble == ""
    assert not path.parent.exists()


def test_a_key_that_was_brought_is_used_without_a_restart(path: Path) -> None:
    clock = Clock()
    vault = LiveVault(path, clock=clock)
    (key_id,) = KeyFile(path).change(lambda _: new_key())
    clock.now += 1
    assert vault.seal("app", {}).startswith(f"{key_id}:")


def test_an_unknown_key_is_looked_for_at_once_and_a_known_one_costs_no_look(path: Path) -> None:
    file = KeyFile(path)
    file.change(lambda _: new_key())
    clock = Clock()
    vault = LiveVault(path, clock=clock)
    (added,) = new = new_key()
    file.change(lambda keys: {**keys, **new})
    (old,) = vault.key_ids
    assert vault.seal("app", {}).startswith(f"{old}:")
    assert added not in vault.key_ids, "it was looked at the file again within a second"
    assert vault.unseal("app", LiveVaultOf(file, added).seal("app", {"A": "1"})) == {"A": "1"}
    assert added in vault.key_ids


def LiveVaultOf(file: KeyFile, key_id: str) -> LiveVault:  # noqa: N802 - a kind of one
    """A vault that seals with this key."""
    vault = LiveVault(file.path)
    vault.designated = key_id
    return vault


def test_a_key_that_was_retired_is_forgotten(path: Path) -> None:
    file, clock = KeyFile(path), Clock()
    (old,) = file.change(lambda _: new_key())
    vault = LiveVault(path, clock=clock)
    sealed = vault.seal("app", {})
    file.change(lambda _: new_key())
    clock.now += 1
    with pytest.raises(KeyMissing, match=f"key '{old}' is not in {path}"):
        vault.unseal("app", sealed)


@pytest.mark.parametrize("broken", [None, "nonsense\n"])
def test_a_file_that_vanished_or_broke_leaves_the_keys_that_were_read_and_is_told_once(
    path: Path, broken: str | None
) -> None:
    file, clock = KeyFile(path), Clock()
    (key_id,) = keys = file.change(lambda _: new_key())
    vault = LiveVault(path, clock=clock)
    with capture_logs() as lines:
        if broken is None:
            path.unlink()
        else:
            path.write_text(broken)
        for _ in range(3):
            clock.now += 1
            assert vault.seal("app", {}).startswith(f"{key_id}:")
    assert [line["event"] for line in lines] == ["the key file cannot be read"]
    assert f"goes on with the keys that it has read: {key_id}" in vault.trouble
    path.unlink(missing_ok=True)
    file.change(lambda _: keys)
    clock.now += 1
    vault.refresh()
    assert vault.trouble == ""


def test_the_designated_key_seals_and_not_the_files_first(path: Path) -> None:
    file = KeyFile(path)
    (prepared,) = new = new_key()
    file.change(lambda _: {**new_key(), **new})
    vault = LiveVaultOf(file, prepared)
    assert vault.seal("app", {}).startswith(f"{prepared}:")
    file.change(lambda keys: put_first(keys, prepared))
    assert LiveVault(path).sealing == prepared


def test_a_designated_key_that_is_not_here_seals_nothing(path: Path) -> None:
    file = KeyFile(path)
    file.change(lambda _: new_key())
    with pytest.raises(KeyMissing, match="'elsewhere' is not in"):
        LiveVaultOf(file, "elsewhere").seal("app", {})


def test_a_locked_vault_says_why_and_still_opens(path: Path) -> None:
    KeyFile(path).change(lambda _: new_key())
    vault = LiveVault(path)
    sealed = vault.seal("app", {"A": "1"})
    vault.locked = "wait for it"
    with pytest.raises(KeyMissing, match="wait for it"):
        vault.seal("app", {})
    assert vault.unseal("app", sealed) == {"A": "1"}


def test_a_file_that_others_can_read_is_warned_of_and_used(path: Path) -> None:
    KeyFile(path).change(lambda _: new_key())
    path.chmod(0o640)
    with capture_logs() as lines:
        assert LiveVault(path).seal("app", {})
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "others can read the keys of the platform's secrets")
    ]
