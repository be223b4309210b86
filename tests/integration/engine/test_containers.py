from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from libs.engine import AddressesExhausted, EngineUnavailable, Identity, InstanceRefused, InstanceSpec, Limits
from libs.engine.drivers.docker import DockerEngine, container
from tests.integration.engine.conftest import Open, instance
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.waiting import eventually


def read(path: str) -> str:
    return Path(path).read_text()


async def address(docker: DockerEngine, name: str) -> str:
    found = {one.name: one.address for one in (await docker.instances()).instances}
    assert found[name] is not None
    return str(found[name])


async def test_a_container_has_no_more_rights_than_a_web_app_needs(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    spec = instance(limits=Limits(memory=64 << 20, cpu_shares=512, pids=77))
    await docker.start(spec)
    host = docker_engine.inspect(spec.name)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["CpuShares"], host["PidsLimit"]) == (64 << 20, 64 << 20, 512, 77)
    assert (host["Privileged"], host["CapDrop"], host["SecurityOpt"]) == (False, ["ALL"], ["no-new-privileges"])
    assert "NET_RAW" not in str(host["CapAdd"])
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "local", "Config": {"max-size": "20m", "max-file": "5"}}
    pid = docker_engine.inspect(spec.name)["State"]["Pid"]
    status = dict(line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
    assert status["NoNewPrivs"].strip() == "1"
    # CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10 (capabilities(7))
    assert int(status["CapBnd"], 16) == sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 10))


async def test_a_process_sees_its_config_and_who_it_is(docker: DockerEngine) -> None:
    given = instance("sh", "-c", "echo $GREETING $PORT $DEIS_APP $DEIS_RELEASE $DEIS_PROCESS; exec sleep 1000000")
    spec = InstanceSpec(given.identity, given.image, command=given.command, environment={"GREETING": "a b=c"}, port=81)
    await docker.start(spec)
    async with asyncio.timeout(60), docker.logs(spec.name) as pieces:
        assert (await anext(pieces)).data == b"a b=c 81 shop v2 web.1\n"


async def test_a_command_that_cannot_be_run_is_refused_in_the_engines_words_and_leaves_nothing(
    docker: DockerEngine,
) -> None:
    with pytest.raises(InstanceRefused, match=r'exec: "no-such-command": executable file not found'):
        await docker.start(instance("no-such-command"))
    assert (await docker.instances()).instances == ()


async def test_limits_that_the_engine_does_not_take_are_refused_in_its_words(docker: DockerEngine) -> None:
    with pytest.raises(InstanceRefused, match=r"(?i)minimum memory limit"):
        await docker.start(instance(limits=Limits(memory=1)))


async def test_a_name_of_somebody_elses_container_is_refused_and_that_is_left_alone(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    spec = instance()
    body = {"Image": "busybox", "HostConfig": {"NetworkMode": "none"}}
    docker_engine.ask("POST", "/containers/create", name=spec.name, body=body)
    with pytest.raises(InstanceRefused, match="already in use"):
        await docker.start(spec)
    await docker.stop(spec.name, grace=0)
    await docker.remove(spec.name)
    assert docker_engine.inspect(spec.name)["State"]["Status"] == "created"


async def test_one_that_was_created_and_not_started_is_started(docker_engine: Dockerd, docker: DockerEngine) -> None:
    """The deployer died in between."""
    spec = instance()
    assert await docker._create(spec)
    (created,) = (await docker.instances()).instances
    assert (created.state, created.started, created.reason) == ("created", None, "")
    await docker.start(spec)
    (running,) = (await docker.instances()).instances
    assert (running.state, running.address) == ("running", created.address)


async def test_a_crash_is_told_with_its_exit_code_and_reason(docker: DockerEngine) -> None:
    spec = instance("sh", "-c", "exit 3")
    await docker.start(spec)

    async def crashed_twice() -> bool:
        (found,) = (await docker.instances()).instances
        return found.restarts >= 2 and found.exit_code == 3 and found.reason in {"exited with code 3", ""}

    await eventually(crashed_twice, within=60)
    await docker.stop(spec.name, grace=0)
    (found,) = (await docker.instances()).instances
    assert (found.state, found.exit_code, found.reason) == ("exited", 3, "exited with code 3")


@pytest.mark.parametrize("driver", ["local", "json-file"])
async def test_every_line_ends_however_long_it_is_and_however_its_run_ended(
    docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setitem(container.LOG_CONFIG, "Type", driver)
    long = ";".join(f"yes | tr -d '\\n' | head -c {length}; echo; echo {length}" for length in (16384, 20000, 32768))
    spec = instance("sh", "-c", f"{long}; printf 'the end'; exit 1")
    await docker.start(spec)

    async def again() -> bool:
        (found,) = (await docker.instances()).instances
        return found.restarts >= 2

    await eventually(again, within=60)
    await docker.stop(spec.name, grace=0)
    async with docker.logs(spec.name, follow=False) as pieces:
        lines = b"".join([piece.data async for piece in pieces]).split(b"\n")
    whole = [b"y" * 16384, b"16384", b"y" * 20000, b"20000", b"y" * 32768, b"32768", b"the end"]
    assert lines[: 2 * len(whole)] == whole * 2


async def test_a_process_that_ignores_the_signal_is_killed_when_its_grace_is_over(docker: DockerEngine) -> None:
    spec = instance("sh", "-c", 'trap "" TERM; while :; do sleep 1; done')
    await docker.start(spec)
    await docker.stop(spec.name, grace=1)
    (found,) = (await docker.instances()).instances
    assert (found.state, found.exit_code, found.reason) == ("exited", 137, "killed by signal 9")


async def test_the_memory_limit_ends_a_process_and_the_reason_says_so(docker: DockerEngine) -> None:
    spec = instance("sh", "-c", "tail /dev/zero", limits=Limits(memory=8 << 20))
    await docker.start(spec)

    async def out_of_memory() -> bool:
        (found,) = (await docker.instances()).instances
        return found.reason == "out of memory"

    await eventually(out_of_memory, within=60)
    await docker.stop(spec.name, grace=0)


async def test_an_address_that_a_stranger_took_is_left_to_it(
    docker_engine: Dockerd, open_docker: Open, tmp_path: Path
) -> None:
    """Somebody took it between the look and the start: the next one is tried."""
    docker = await open_docker(docker_engine)
    first = instance()
    await docker.start(first)
    network = docker._network.name
    wanted = (await docker._network.pool()).subnet[3]
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "1000000"],
        "NetworkingConfig": {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": str(wanted)}}}},
        "HostConfig": {"NetworkMode": network},
    }
    spec = instance()
    assert await docker._create(spec)  # has the address in its configuration, which does not reserve it
    docker_engine.ask("POST", "/containers/create", name=f"{network}-thief", body=body)
    docker_engine.ask("POST", f"/containers/{network}-thief/start")
    assert await address(docker, spec.name) == str(wanted)
    await docker.start(spec)
    assert await address(docker, spec.name) == str(wanted + 1)


async def test_a_container_that_somebody_starts_in_the_network_gets_no_address_of_an_instances(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    await docker.start(instance())
    network, pool = docker._network.name, await docker._network.pool()
    body = {"Image": "busybox", "Cmd": ["sleep", "1000000"], "HostConfig": {"NetworkMode": network}}
    docker_engine.ask("POST", "/containers/create", name=f"{network}-guest", body=body)
    docker_engine.ask("POST", f"/containers/{network}-guest/start")
    found = docker_engine.inspect(f"{network}-guest")["NetworkSettings"]["Networks"][network]["IPAddress"]
    assert pool.promised is not None
    assert any(str(one) == found for one in pool.promised)


async def test_addresses_run_out_only_while_they_rest(docker_engine: Dockerd, open_docker: Open) -> None:
    subnet = free_subnet(29)  # five addresses: of eight without the two ends and the gateway
    docker = await open_docker(docker_engine, subnet=subnet, platform="tiny")
    for _ in range(5):
        spec = instance()
        await docker.start(spec)
        await docker.stop(spec.name, grace=0)
        await docker.remove(spec.name)
    with pytest.raises(AddressesExhausted, match=subnet):
        await docker.start(instance())
    hasty = await open_docker(docker_engine, platform="tiny", address_quarantine_seconds=0)
    with pytest.raises(AddressesExhausted):
        await hasty.start(instance())  # what rests goes on resting
    ledger = hasty._ledger.path
    stored = json.loads(ledger.read_text())
    assert len(stored["resting"]) == 5
    ledger.unlink()
    await hasty.start(instance())


async def test_a_network_that_is_there_is_adopted(docker_engine: Dockerd, open_docker: Open) -> None:
    first = await open_docker(docker_engine, platform="adopter")
    await first.start(instance())
    second = await open_docker(docker_engine, platform="adopter", subnet=free_subnet())
    assert await second._network.pool() == await first._network.pool()


async def test_a_subnet_is_chosen_where_none_is_set_and_no_route_leads_into_it(
    docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(docker_engine, subnet="")
    spec = instance()
    await docker.start(spec)
    pool = await docker._network.pool()
    assert pool.subnet.prefixlen == 16
    assert (await address(docker, spec.name)) == str(pool.subnet[2])


async def test_a_network_that_somebody_removed_is_made_again(docker_engine: Dockerd, docker: DockerEngine) -> None:
    spec = instance()
    await docker.start(spec)
    await docker.stop(spec.name, grace=0)
    await docker.remove(spec.name)
    docker_engine.ask("DELETE", f"/networks/{docker._network.name}")
    await docker.start(instance())
    assert (await docker.instances()).instances[0].state == "running"


async def test_an_idle_look_asks_one_thing(
    docker_engine: Dockerd, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = docker._wire.ask

    async def counting(method: str, path: str, **rest: object) -> object:
        asked.append(path)
        return await ask(method, path, **rest)  # type: ignore[arg-type]

    for _ in range(3):
        await docker.start(instance())
    monkeypatch.setattr(docker._wire, "ask", counting)
    monkeypatch.setattr("libs.engine.drivers.docker.census.YOUNG_SECONDS", 0.0)

    async def one_request() -> bool:
        asked.clear()
        await docker.instances()
        return asked == ["containers/json"]

    await eventually(one_request, within=60)


async def test_a_ledger_that_cannot_be_written_means_hold(
    docker_engine: Dockerd, open_docker: Open, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    docker = await open_docker(docker_engine, home=tmp_path / "file")
    with pytest.raises(EngineUnavailable, match="ledger of addresses"):
        await docker.start(instance())


async def test_an_engine_that_is_not_there_is_unavailable(open_docker: Open, docker_engine: Dockerd) -> None:
    docker = await open_docker(docker_engine, docker_host="unix:///nonexistent/docker.sock")
    with pytest.raises(EngineUnavailable, match="/nonexistent"):
        await docker.instances()


async def test_one_inspection_that_fails_makes_the_whole_look_unknown(
    docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await docker.start(instance())

    async def broken(_: str) -> None:
        raise EngineUnavailable("broken off")

    monkeypatch.setattr(docker._census, "_inspect", broken)
    with pytest.raises(EngineUnavailable, match="broken off"):
        await docker.instances()


async def test_labels_that_lost_a_number_make_a_stranger(docker_engine: Dockerd, docker: DockerEngine) -> None:
    labels = {"io.deis.platform": docker._platform, "io.deis.instance": "x", "io.deis.app": "shop"}
    who = Identity("x", "shop", "u", "web", 1, 1)
    body = {"Image": "busybox", "Labels": labels, "HostConfig": {"NetworkMode": "none"}}
    docker_engine.ask("POST", "/containers/create", name=f"{who.name}-{docker._platform}", body=body)
    (stranger,) = (await docker.instances()).strangers
    assert stranger.reason == "label io.deis.app-uuid is missing or empty"
