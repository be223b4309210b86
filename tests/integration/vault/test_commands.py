"""`deis-daemon vault …`, run as an operator runs it."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from libs.keyspace import Sealed
from libs.keyspace.document import now
from libs.keyspace.records import Cert, Release
from libs.store.shelf import Shelf
from libs.vault import LiveVault
from libs.vault.keyfile import new_key, write_keys
from tests.integration.vault.conftest import Host, Said, World

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def filled(world: World, one: Host) -> World:
    """A platform with three releases of `hello`; its key is on `one`."""
    async with world.api(one) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        for number in (2, 3):
            answer = await admin("POST", "/v1/apps/hello/config", {"values": {f"PASSWORD_{number}": PASSWORD}})
            assert answer.status == 201
    return world


def key_of(host: Host) -> str:
    """The one key of a host."""
    (key_id,) = host.file.read()
    return key_id


def tells_nothing_secret(said: Said, *hosts: Host) -> None:
    """Neither a key nor a config value."""
    assert PASSWORD not in said.all
    for host in hosts:
        for key in host.file.read().values():
            assert base64.b64encode(key).decode() not in said.all


async def test_status_tells_which_key_seals_what_and_that_all_opens(filled: World, one: Host) -> None:
    said = await one.vault("status")
    assert said.status == 0, said
    assert str(one.file.path) in said.out
    assert f"{key_of(one)}           3 secrets  seals" in said.out
    assert "3 (3 configs of releases); 3 open here" in said.out
    tells_nothing_secret(said, one)


async def test_status_names_what_does_not_open_and_what_to_run(filled: World, one: Host, two: Host) -> None:
    async with filled.api(one) as api:
        uuid = api.controller.picture.apps.mirror.items()[0][1].uuid
        damaged = Sealed(api.controller.vault.seal(uuid, {"A": "1"})[:-8] + "AAAAAAA=")

        def damage(release: Release) -> Release:
            return release.changed(config=release.config.changed(values=damaged))

        await Shelf(filled.store, filled.keyspace.releases).update(damage, uuid, 2)
    said = await one.vault("status")
    assert said.status == 1
    assert f"config of hello v2 ({filled.keyspace.releases.key(uuid, 2)}): what is sealed for" in said.out
    assert "2 open here" in said.out
    said = await two.vault("status")
    assert said.status == 1
    assert f"Keys that are not on this host: {key_of(one)}; bring it to {two.file.path}" in said.out
    assert "3 secrets do not open here" in said.out
    assert f"{key_of(one)}           3 secrets  seals, but is not on this host" in said.out


async def test_status_tells_of_other_hosts(filled: World, one: Host, two: Host) -> None:
    await filled.announce(two, "router")
    await filled.announce(filled.host("three"), "logger")
    said = await one.vault("status")
    assert (
        "elsewhere three (logger), two (router); controllers, routers and loggers need the keys there too" in said.out
    )


async def test_a_file_that_others_can_read_is_told_with_its_remedy(filled: World, one: Host) -> None:
    one.file.path.chmod(0o644)
    said = await one.vault("status")
    assert said.status == 1
    assert f"{one.file.path} has mode 0644: others than its owner can use it; run: chmod 600" in said.out


DRAIN = {"url": "https://ann:correct%20horse%20battery%20staple@logs.example.org/"}


async def test_what_a_log_drain_logs_in_with_is_looked_after_as_every_secret(filled: World, one: Host) -> None:
    lost = key_of(one)
    drains = Shelf(filled.store, filled.keyspace.drains)

    async def opened() -> list[str]:
        vault = LiveVault(one.file.path)
        there = [stored.document for stored in await drains.list()]
        return [vault.unseal_text(f"drain:{drain.id}", drain.secret) for drain in there if drain.secret]

    async with filled.api(one) as api:
        logged_in = await api.client("POST", "/v1/auth/login/", {"username": "admin", "password": "opensesame"})
        admin = api.client.with_token(logged_in.json["token"])
        for path in ("/v1/apps/hello/drains", "/v1/admin/drains"):
            assert (await admin("POST", path, DRAIN)).status == 201
        assert (await admin("POST", "/v1/admin/drains", {"url": "syslog://logs.example.org:514"})).status == 201
    secrets = await opened()
    assert secrets == ['{"user_info": "ann:correct%20horse%20battery%20staple"}'] * 2
    status = await one.vault("status")
    assert status.status == 0, status
    assert "5 (2 passwords and keys of log drains, 3 configs of releases); 5 open here" in status.out

    rotated = await one.vault("rotate")
    assert rotated.status == 0, rotated
    assert "sealed anew: 5 of 5" in rotated.err
    assert await opened() == secrets
    retired = await one.vault("retire", lost, "--yes")
    assert retired.status == 0, retired
    assert await opened() == secrets

    one.file.path.unlink()
    said = await one.vault("write-off", "--yes")
    assert said.status == 0, said
    assert "password and key of the log drain" in said.out
    assert await opened() == ["{}"] * 2
    for told in (status, rotated, retired, said):
        tells_nothing_secret(told, one)


async def test_status_without_the_store_tells_what_it_can(filled: World, one: Host) -> None:
    away = one.away()
    said = await away.vault("status")
    assert said.status == 1
    assert f"The store at {away.endpoint} does not answer" in said.out
    assert key_of(one) in said.out


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


async def test_what_a_lost_key_sealed_is_given_up_only_when_no_host_has_it(filled: World, one: Host, two: Host) -> None:
    lost = key_of(one)
    async with filled.api(one) as api:
        vault = api.controller.vault
        sealed = vault.seal_text("cert:www.example.org", "PRIVATE")
        cert = Cert(
            common_name="www.example.org", owner="ann", certificate="PEM", key=sealed, expires=now(), created=now()
        )
        await Shelf(filled.store, filled.keyspace.certs).create(cert, "www.example.org")
    await filled.announce(two, "router", lost)
    one.file.path.unlink()
    refused = await one.vault("write-off", "--yes")
    assert refused.status == 1
    assert f"two (router) has keys that lack here ({lost})" in refused.err
    await filled.announce(two, "router")
    refused = await one.vault("write-off")
    assert refused.status == 1
    assert "They would be given up for good: say so with `--yes`" in refused.err
    assert not one.file.path.exists()

    said = await one.vault("write-off", "--yes")

    assert said.status == 0, said
    assert "config of hello v3" in said.out
    assert "private key of the certificate www.example.org" in said.out
    assert key_of(one) != lost
    status = await one.vault("status")
    assert status.status == 0, status
    assert "3 (3 configs of releases); 3 open here" in status.out
    async with filled.api(one) as api:
        logged_in = await api.client("POST", "/v1/auth/login/", {"username": "admin", "password": "opensesame"})
        admin = api.client.with_token(logged_in.json["token"])
        assert (await admin("POST", "/v1/apps/hello/config", {"values": {"A": "1"}})).status == 201
        assert (await admin("GET", "/v1/apps/hello/config")).json["values"] == {"A": "1"}
    assert "there is nothing to write off" in (await one.vault("write-off")).out


def test_a_key_lives_from_host_to_host_until_it_is_retired(filled: World, one: Host, two: Host) -> None:
    """The whole story by processes and a pipe, as an operator types it."""
    old = key_of(one)
    pipe = "{0} vault backup - 2>/dev/null | DEIS_HOME={1} {0} vault restore -"
    carried = subprocess.run(
        ["/bin/sh", "-c", pipe.format(" ".join(one.command), two.home)],
        env=one.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert carried.returncode == 0, carried
    assert "3 of the 3 secrets in the store open here now" in carried.stdout
    rotated = one.run("rotate")
    assert rotated.status == 0, rotated
    assert "sealed anew: 3 of 3" in rotated.err
    assert "Traceback" not in two.run("rotate").err
    for typed, status in (("n", 1), ("y", 0)):
        ours, theirs = os.openpty()
        os.write(ours, f"{typed}\n".encode())
        asked = subprocess.run(
            [*one.command, "vault", "retire", old], env=one.environment, stdin=theirs, capture_output=True, check=False
        )
        os.close(ours)
        os.close(theirs)
        assert asked.returncode == status, asked
        assert "Take it out? [y/N]" in asked.stderr.decode()
    assert old not in one.file.read()
    assert one.run("status").status == 0
    assert one.run("status", "really").status == 2
