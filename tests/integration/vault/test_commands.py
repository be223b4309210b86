"""`deis-daemon vault …`, run as an operator runs it: what it tells, what it writes off, and the whole story."""

from __future__ import annotations

import os
import subprocess

from libs.keyspace import Sealed
from libs.keyspace.document import now
from libs.keyspace.records import Cert, Release
from libs.store.shelf import Shelf
from libs.vault import LiveVault
from tests.integration.vault.conftest import Host, World, key_of, tells_nothing_secret


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
