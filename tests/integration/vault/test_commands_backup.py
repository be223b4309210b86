"""`deis-daemon vault backup` and `restore`, run as an operator runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libs.vault.keyfile import new_key, write_keys
from tests.integration.vault.conftest import Host, World, key_of, tells_nothing_secret


async def test_a_backup_is_a_new_file_for_its_owner_with_a_warning_at_its_head(
    filled: World, one: Host, two: Host, tmp_path: Path
) -> None:
    target = tmp_path / "keys"
    said = await one.vault("backup", str(target))
    assert said.status == 0, said
    assert target.stat().st_mode & 0o777 == 0o600
    for told in (target.read_text(), said.err):
        assert "Whoever has these keys and a snapshot of the platform's etcd reads every config value" in told
        assert "Without them such a snapshot is worthless" in told
    assert said.out == ""
    tells_nothing_secret(said, one)

    again = await one.vault("backup", str(target))
    assert again.status == 1
    assert f"{target} is there already and is not written over" in again.err

    said = await two.vault("restore", str(target))
    assert said.status == 0, said
    assert "3 of the 3 secrets in the store open here now" in said.out
    assert two.file.read() == one.file.read()
    assert two.file.path.stat().st_mode & 0o777 == 0o600
    assert two.file.path.parent.stat().st_mode & 0o777 == 0o700
    tells_nothing_secret(said, one)


async def test_a_restore_keeps_every_key_that_is_there_and_puts_the_platforms_first(
    filled: World, one: Host, two: Host
) -> None:
    own = new_key()
    two.file.change(lambda _: own)
    said = await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
    assert said.status == 0, said
    assert list(two.file.read()) == [key_of(one), *own]


async def test_a_restore_names_what_still_does_not_open(filled: World, one: Host, two: Host) -> None:
    said = await two.vault("restore", "-", stdin=write_keys(new_key()))
    assert said.status == 1
    assert "0 of the 3 secrets in the store open here now" in said.out
    assert "config of hello v3 (" in said.out
    assert f"takes key {key_of(one)}" in said.out
    assert f"The platform seals with key {key_of(one)}, which is not among them" in said.out


async def test_a_restore_without_the_store_says_that_it_could_not_look(filled: World, one: Host, two: Host) -> None:
    away = two.away()
    said = await away.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
    assert said.status == 0, said
    assert "could not be looked" in said.out
    assert two.file.read() == one.file.read()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no key in -"),
        (
            "nonsense\n",
            "standard input is nothing that `deis-daemon vault backup` wrote: line 1 of",
        ),
        ("{other}", "another one here"),
    ],
)
async def test_what_is_no_backup_of_this_platform_is_refused_and_changes_nothing(
    filled: World, one: Host, text: str, words: str
) -> None:
    before = one.file.path.read_bytes()
    other = write_keys({key_of(one): b"x" * 32})
    said = await one.vault("restore", "-", stdin=text.replace("{other}", other))
    assert said.status == 1
    assert words in said.err
    assert one.file.path.read_bytes() == before


async def test_nothing_is_backed_up_where_there_is_nothing(world: World, one: Host, tmp_path: Path) -> None:
    said = await one.vault("backup", str(tmp_path / "keys"))
    assert said.status == 1
    assert f"there is no key in {one.file.path}" in said.err
    assert not (tmp_path / "keys").exists()


async def test_what_root_writes_belongs_to_whom_the_home_belongs_to(filled: World, one: Host, two: Host) -> None:
    if os.geteuid() != 0:
        pytest.fail("run as root: as another user nothing is given away, and nothing could be seen")
    two.home.mkdir()
    os.chown(two.home, 12345, 12346)
    assert (await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)).status == 0
    for path in (two.file.path, two.file.path.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
