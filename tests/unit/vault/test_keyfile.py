"""The key file: read, merged, written whole, and nobody else's to read."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.vault import SealBroken, read_keys
from libs.vault.keyfile import KeyFile, Keys, merge_keys, new_key, put_first, write_keys

KEYS = st.dictionaries(
    st.from_regex(r"[0-9A-Za-z_.-]{1,64}", fullmatch=True), st.binary(min_size=32, max_size=32), max_size=4
)


def file_in(folder: Path) -> KeyFile:
    return KeyFile(folder / "secrets" / "config.key")


@given(KEYS)
def test_what_is_written_is_read_again_in_its_order(keys: Keys) -> None:
    assert list(read_keys(write_keys(keys, "# for\n# people\n")).items()) == list(keys.items())


@given(KEYS, KEYS)
def test_a_merge_keeps_every_key_and_its_own_first_or_is_refused(own: Keys, brought: Keys) -> None:
    if any(own.get(key_id, key) != key for key_id, key in brought.items()):
        with pytest.raises(SealBroken, match="of different platforms"):
            merge_keys(own, brought)
        return
    merged = merge_keys(own, brought)
    assert merged == brought | own
    assert list(merged)[: len(own)] == list(own)


@given(KEYS, st.data())
def test_putting_a_key_first_changes_nothing_but_the_order(keys: Keys, data: st.DataObject) -> None:
    key_id = data.draw(st.sampled_from([None, "not-there", *keys]))
    ordered = put_first(keys, key_id)
    assert ordered == keys
    assert key_id not in keys or next(iter(ordered)) == key_id


def test_one_id_with_two_keys_is_refused_and_neither_is_told() -> None:
    text = write_keys({"a": b"1" * 32}) + write_keys({"a": b"2" * 32})
    with pytest.raises(SealBroken, match=r"line 4 .* another key under the id 'a'") as caught:
        read_keys(text)
    assert "MTEx" not in str(caught.value)


def test_the_file_and_its_folder_are_their_owners_alone(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    assert file.read() == {}
    made = file.change(lambda _: new_key())
    assert file.read() == made
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == ["config.key"]
    assert file.exposed() == ""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_use_is_told_with_what_to_run(tmp_path: Path, mode: int) -> None:
    file = file_in(tmp_path)
    file.change(lambda _: new_key())
    file.path.chmod(mode)
    assert f"has mode {mode:04o}" in file.exposed()
    assert f"chmod 600 {file.path}" in file.exposed()


def test_nothing_is_written_where_nothing_changes_and_a_file_without_keys_goes(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.change(lambda _: new_key())
    before = file.path.stat()
    file.change(lambda keys: keys)
    assert file.path.stat().st_ino == before.st_ino
    file.change(lambda _: {})
    assert not file.path.exists()


def test_a_file_that_cannot_be_read_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.path.parent.mkdir()
    file.path.write_bytes(b"\xff\xfe nonsense\n")
    with pytest.raises(SealBroken, match=str(file.path)):
        file.change(lambda _: new_key())
    assert file.path.read_bytes() == b"\xff\xfe nonsense\n"


def add(folder: Path, number: int) -> None:
    for step in range(5):
        file_in(folder).change(lambda keys: {**keys, f"{number}-{step}": os.urandom(32)})  # noqa: B023 - called at once


def test_several_processes_that_add_keys_at_once_lose_none(tmp_path: Path) -> None:
    file_in(tmp_path).change(lambda _: new_key())
    processes = [multiprocessing.get_context("fork").Process(target=add, args=(tmp_path, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(file_in(tmp_path).read()) == 1 + 4 * 5
