from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address

import pytest

from services.router.actual import Actual, Server
from services.router.configure import configure
from services.router.saved import load, save
from services.router.settings import RouterSettings
from services.router.structure import Structure
from tests.support.haproxy import HAProxyServer

PICTURE = Actual(
    hosts={"shop.example.test": "shop", "deis.example.test": "@controller"},
    slots={"shop": "app0", "@controller": "controller"},
    servers={
        "app0": {"a": Server("127.0.0.1", 5000, "ready"), "b": Server("fd00::1", 5000, "ready")},
        "controller": {"c": Server("127.0.0.1", 8000, "ready")},
    },
)


def test_a_saved_picture_is_read_back_whole(router_settings: RouterSettings) -> None:
    structure = Structure.of(router_settings)
    save(structure, PICTURE)
    assert load(structure.files) == PICTURE


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"hosts": {}}', '{"hosts": {}, "slots": {}, "servers": {"a": 1}}'])
def test_a_damaged_picture_is_an_empty_one(router_settings: RouterSettings, damage: str) -> None:
    files = Structure.of(router_settings).files
    files.home.mkdir(parents=True)
    files.picture.write_text(damage)
    assert load(files) == Actual()


def test_no_picture_is_an_empty_one(router_settings: RouterSettings) -> None:
    assert load(Structure.of(router_settings).files) == Actual()


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"router_trusted": "10.0.0.0/8,fd00::/8"},
        {"router_bind": "127.0.0.1,::1"},
        {"router_threads": 2, "router_pool": 2048},
    ],
)
def test_haproxy_accepts_what_is_written(router_settings: RouterSettings, change: dict[str, object]) -> None:
    settings = router_settings.model_copy(update=change)
    structure = Structure.of(settings)
    save(structure, PICTURE)
    program = HAProxyServer(settings).program
    assert program is not None
    done = subprocess.run(
        [program, "-c", "-f", str(structure.files.configuration)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_haproxy_starts_with_the_saved_servers(router_settings: RouterSettings) -> None:
    save(Structure.of(router_settings), PICTURE)
    server = HAProxyServer(router_settings)
    server.start()
    try:
        lines = server.ask("show servers state").splitlines()[2:]
        addresses = {line.split()[3]: ip_address(line.split()[4]) for line in lines if line}
        assert addresses == {
            "a": ip_address("127.0.0.1"),
            "b": ip_address("fd00::1"),
            "c": ip_address("127.0.0.1"),
        }
    finally:
        server.kill9()


def test_the_command_keeps_the_endpoints_and_applies_the_settings(router_settings: RouterSettings) -> None:
    save(Structure.of(router_settings), PICTURE)
    structure = configure(router_settings.model_copy(update={"router_pool": 3}))
    text = structure.files.configuration.read_text()
    assert "backend app2" in text
    assert "backend app3" not in text
    assert "server a 127.0.0.1:5000" in text


def test_the_command_says_what_is_wrong(router_settings: RouterSettings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.router.configure"],
        env={"DEIS_HOME": str(router_settings.home), "DEIS_ROUTER_BIND": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DEIS_ROUTER_BIND has 'nowhere'" in done.stderr
