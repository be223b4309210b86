"""`deis-daemon vault rotate` and `retire`, run as an operator runs them."""

from __future__ import annotations

import pytest

from libs.vault import LiveVault
from libs.vault.keyfile import write_keys
from tests.integration.vault.conftest import Host, World, key_of, tells_nothing_secret


async def test_a_rotation_seals_anew_and_keeps_the_old_key_until_it_is_retired(filled: World, one: Host) -> None:
    old = key_of(one)
    said = await one.vault("rotate")
    assert said.status == 0, said
    new, kept = one.file.read()
    assert kept == old
    assert f"Key {new} seals from now on." in said.out
    assert f"3 secrets are sealed with {new}." in said.out
    assert "Older backups of etcd still take the older keys" in said.out
    assert f"deis-daemon vault retire {old}" in said.out
    tells_nothing_secret(said, one)
    assert f"{old}           0 secrets  opens; `deis-daemon vault retire {old}`" in (await one.vault("status")).out

    assert f"key {new!r} seals; `deis-daemon vault rotate` brings another" in (await one.vault("retire", new)).err
    refused = await one.vault("retire", old)
    assert refused.status == 1
    assert "say so with `--yes`" in refused.err
    retired = await one.vault("retire", old, "--yes")
    assert retired.status == 0, retired
    assert key_of(one) == new
    assert (await one.vault("status")).status == 0


async def test_a_key_that_a_secret_takes_is_not_retired_even_one_that_no_list_knows(filled: World, one: Host) -> None:
    old = key_of(one)
    late = LiveVault(one.file.path).seal_text("of a newer release", "secret")
    assert (await one.vault("rotate")).status == 0
    key = f"{filled.keyspace.prefix}/newer/record"
    await filled.store.put(key, b'{"sealed": "%s"}' % late.encode())
    said = await one.vault("retire", old, "--yes")
    assert said.status == 1
    assert f"1 secrets take key {old!r}" in said.err
    assert key in said.err
    assert old in one.file.read()
    status = await one.vault("status")
    assert status.status == 1
    assert f"{key} takes {old}" in status.out


async def test_a_key_that_is_not_there_cannot_be_retired(filled: World, one: Host) -> None:
    said = await one.vault("retire", "nokey")
    assert said.status == 1
    assert f"there is no key 'nokey' in {one.file.path}; there are: {key_of(one)}" in said.err


@pytest.mark.parametrize("service", ["router", "logger"])
async def test_with_daemons_on_other_hosts_a_key_is_prepared_and_carried_before_it_seals(
    filled: World, one: Host, two: Host, service: str
) -> None:
    old = key_of(one)
    await filled.announce(two, service, old)
    refused = await one.vault("rotate")
    assert refused.status == 1
    assert f"two ({service})" in refused.err
    assert "deis-daemon vault rotate --prepare" in refused.err
    assert key_of(one) == old

    prepared = await one.vault("rotate", "--prepare")
    assert prepared.status == 0, prepared
    assert "deis-daemon vault backup - | ssh two deis-daemon vault restore -" in prepared.out
    new = (await filled.designations.read()).prepared
    assert new in one.file.read()
    assert LiveVault(one.file.path).sealing == old
    assert f"Key {new} is prepared already" in (await one.vault("rotate", "--prepare")).out
    assert "prepared: `deis-daemon vault rotate` seals with it" in (await one.vault("status")).out

    early = await one.vault("rotate")
    assert early.status == 1
    assert f"key {new!r} is not yet on two ({service})" in early.err
    assert (await filled.inventory(one)).by_key == {old: 3}

    await two.vault("restore", "-", stdin=write_keys({old: one.file.read()[old]}))
    assert f"key {new!r} was prepared on another host" in (await two.vault("rotate")).err
    await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
    await filled.announce(two, service, old, str(new))
    said = await one.vault("rotate")
    assert said.status == 0, said
    assert (await filled.designations.read()).seals == new
    assert (await filled.designations.read()).prepared is None
    assert (await filled.inventory(two)).shut == []
    assert (await filled.inventory(two)).by_key == {new: 3}


async def test_a_prepared_key_can_be_given_up(filled: World, one: Host) -> None:
    old = key_of(one)
    await one.vault("rotate", "--prepare")
    prepared = (await filled.designations.read()).prepared
    assert prepared is not None
    assert (await one.vault("retire", prepared, "--yes")).status == 0
    assert (await filled.designations.read()).prepared is None
    assert key_of(one) == old


async def test_yes_goes_on_without_the_other_hosts_and_tells_what_to_do_at_once(
    filled: World, one: Host, two: Host
) -> None:
    await filled.announce(two, "controller", key_of(one))
    said = await one.vault("rotate", "--yes")
    assert said.status == 0, said
    assert "deis-daemon vault backup - | ssh two deis-daemon vault restore -" in said.out


@pytest.mark.parametrize("words", [("rotate",), ("rotate", "--prepare"), ("retire", "some", "--yes")])
async def test_what_takes_the_store_says_that_it_is_away_and_changes_nothing(
    filled: World, one: Host, words: tuple[str, ...]
) -> None:
    away, before = one.away(), one.file.path.read_bytes()
    said = await away.vault(*words)
    assert said.status == 1
    assert f"the store at {away.endpoint} cannot be used" in said.err
    assert "Traceback" not in said.err
    assert one.file.path.read_bytes() == before


async def test_a_host_without_the_key_cannot_rotate(filled: World, one: Host, two: Host) -> None:
    said = await two.vault("rotate")
    assert said.status == 1
    assert f"the platform seals with key {key_of(one)!r}, which is not on this host" in said.err
    assert not two.file.path.exists()
