from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from libs.daemon import Settings
from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.docker import DockerSettings
from libs.engine.drivers.docker.container import body

WHO = Identity("a1b2", "shop", "3f1c", "web", 1, 7)


def made(spec: InstanceSpec, *, init: bool = False) -> dict[str, Any]:
    return body(spec, platform="deis", network="deis-deis", address=IPv4Address("10.1.2.3"), init=init)


def test_an_images_own_command_and_entry_point_are_kept_unless_others_are_given() -> None:
    assert not made(InstanceSpec(WHO, "x")).keys() & {"Cmd", "Entrypoint"}
    given = made(InstanceSpec(WHO, "x", command=("serve",), entrypoint=()))
    assert (given["Cmd"], given["Entrypoint"]) == (["serve"], [])


def test_the_address_is_asked_for_on_the_platforms_network() -> None:
    asked = made(InstanceSpec(WHO, "x", port=81))
    assert asked["NetworkingConfig"]["EndpointsConfig"] == {"deis-deis": {"IPAMConfig": {"IPv4Address": "10.1.2.3"}}}
    assert asked["HostConfig"]["NetworkMode"] == "deis-deis"
    assert asked["ExposedPorts"] == {"81/tcp": {}}


def test_no_limit_and_no_init_process_unless_asked_for() -> None:
    assert not made(InstanceSpec(WHO, "x"))["HostConfig"].keys() & {"Memory", "MemorySwap", "CpuShares", "Init"}
    assert made(InstanceSpec(WHO, "x"), init=True)["HostConfig"]["Init"] is True


def test_a_services_settings_are_completed_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIS_SUBNET", "10.9.0.0/16")
    monkeypatch.setenv("DEIS_PLATFORM", "blue")
    docker = DockerSettings.of(Settings(home=Path("/srv/deis"), platform="green"))
    assert (docker.home, docker.platform, docker.subnet) == (Path("/srv/deis"), "green", "10.9.0.0/16")
    assert DockerSettings.of(docker) is docker


def test_one_that_runs_once_is_never_restarted_and_others_are_unless_stopped() -> None:
    assert made(InstanceSpec(WHO, "x", once=True))["HostConfig"]["RestartPolicy"] == {"Name": "no"}
    assert made(InstanceSpec(WHO, "x"))["HostConfig"]["RestartPolicy"] == {"Name": "unless-stopped"}
