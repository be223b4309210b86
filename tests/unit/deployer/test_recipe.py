from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import InstanceSpec, Limits
from libs.engine.labels import environment
from libs.keyspace import records as r
from services.controller.deployer.recipe import BadRecipe, checks, effective, memory_bytes, recipe

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


def made(
    type_: str = "web",
    values: dict[str, str] | None = None,
    procfile: dict[str, str] | None = None,
    port: int | None = 8080,
    **config: Any,
) -> InstanceSpec:
    app = r.App(id="shop", uuid="u", owner="ann", created=MOMENT, updated=MOMENT)
    sealed = r.Config(uuid="c", owner="ann", values="", created=MOMENT, **config)
    release = r.Release(uuid="r", app="shop", owner="ann", number=3, summary="", config=sealed, created=MOMENT)
    build = r.Build(uuid="b", app="shop", owner="ann", image="shop", procfile=procfile or {}, created=MOMENT)
    rollout = r.Rollout(
        app="shop", app_uuid="u", release=3, intent=1, epoch=1, since=MOMENT, image="sha256:1", port=port
    )
    entry = r.Planned(id="a1", name="shop_v3.web.1-a1", type=type_, number=1, generation=2, planned=MOMENT)
    return recipe(
        app, release=release, build=build, rollout=rollout, entry=entry, values=values or {}, default_port=5000
    )


def readiness(spec: InstanceSpec) -> r.Check | None:
    return r.Checks.model_validate_json(spec.checks).readiness


def test_a_process_type_of_the_procfile_runs_in_a_shell_without_the_images_entrypoint() -> None:
    spec = made(procfile={"web": "exec serve --port $PORT"})
    assert spec.command == ("/bin/sh", "-c", "exec serve --port $PORT")
    assert spec.entrypoint == ()


def test_cmd_without_an_entry_is_the_images_own_command() -> None:
    spec = made("cmd", procfile={"web": "serve"})
    assert (spec.command, spec.entrypoint) == (None, None)
    assert spec.port == 8080


def test_the_platform_has_the_last_word_in_the_environment() -> None:
    seen = environment(made(values={"DEIS_APP": "other", "COLOUR": "red"}))
    assert seen == {
        "COLOUR": "red",
        "DEIS_APP": "shop",
        "DEIS_RELEASE": "v3",
        "DEIS_PROCESS": "web.1",
        "PORT": "8080",
    }


def test_the_configs_port_is_the_one_that_is_checked_and_routed() -> None:
    spec = made(values={"PORT": "8000"})
    assert (spec.port, environment(spec)["PORT"]) == (8000, "8000")


def test_an_image_that_exposes_no_port_is_taken_to_listen_on_the_default_one() -> None:
    spec = made(port=None)
    assert (spec.port, environment(spec)["PORT"]) == (5000, "5000")


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1", "80.0"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(BadRecipe, match="PORT"):
        made(values={"PORT": value})


def test_a_type_without_a_port_keeps_the_users_own_and_has_to_stay_up() -> None:
    spec = made("worker", values={"PORT": "1", "HEALTHCHECK_URL": "/"}, procfile={"worker": "work"})
    assert spec.port is None
    assert environment(spec)["PORT"] == "1"
    assert readiness(spec) == r.Check(stays_up=r.StaysUp())


def test_a_ported_type_is_checked_by_connecting_unless_the_user_names_a_path() -> None:
    assert readiness(made()) == r.Check(tcp=r.TcpAction())
    check = readiness(
        made(values={"HEALTHCHECK_URL": "health", "HEALTHCHECK_TIMEOUT": "2.5", "HEALTHCHECK_INITIAL_DELAY": "10"})
    )
    assert check is not None
    assert check.http == r.HttpAction(path="/health")
    assert (check.timeout_seconds, check.initial_delay_seconds) == (2.5, 10)


def test_the_configs_probes_of_the_type_come_before_v1s_values() -> None:
    probe: dict[str, Any] = {"httpGet": {"path": "/ready", "port": 81}, "periodSeconds": 2}
    healthcheck = {"web": {"readinessProbe": probe, "livenessProbe": {"tcpSocket": {}}}}
    spec = made(values={"HEALTHCHECK_URL": "/old"}, healthcheck=healthcheck)
    assert r.Checks.model_validate_json(spec.checks) == r.Checks(
        readiness=r.Check(http=r.HttpAction(path="/ready", port=81), period_seconds=2),
        liveness=r.Check(tcp=r.TcpAction()),
    )
    assert readiness(made("cmd", healthcheck=healthcheck)) == r.Check(tcp=r.TcpAction())


def test_a_type_with_other_probes_alone_keeps_its_readiness() -> None:
    startup: dict[str, Any] = {"startupProbe": {"exec": {"command": ["test", "-f", "/up"]}, "failureThreshold": 30}}
    found = checks("web", {"web": startup}, {"HEALTHCHECK_URL": "/h"})
    assert found == r.Checks(
        startup=r.Check(exec=r.ExecAction(command=("test", "-f", "/up")), failure_threshold=30),
        readiness=r.Check(http=r.HttpAction(path="/h")),
    )
    assert checks("worker", {"worker": startup}, {}).readiness == r.Check(stays_up=r.StaysUp())


def test_what_holds_is_told_in_the_users_words() -> None:
    numbers = {"periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    values = {"HEALTHCHECK_URL": "/h", "HEALTHCHECK_INITIAL_DELAY": "5", "HEALTHCHECK_TIMEOUT": "0.5"}
    asked = {"httpGet": {"path": "/h", "expectedStatus": "200-399"}, "initialDelaySeconds": 5, "timeoutSeconds": 0.5}
    assert effective("web", {}, values) == {"readinessProbe": {**asked, **numbers}}
    plain = {"initialDelaySeconds": 0, "timeoutSeconds": 1, **numbers}
    assert effective("cmd", {}, {}) == {"readinessProbe": {"tcpSocket": {}, **plain}}
    assert effective("worker", {}, values) == {"readinessProbe": {"staysUp": {"seconds": 5}, **plain}}


def test_a_probe_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadRecipe, match=r"healthcheck.web.readinessProbe.telepathy: \{\}; there is no such field"):
        made(healthcheck={"web": {"readinessProbe": {"telepathy": {}}}})


@pytest.mark.parametrize("value", ["soon", "-1", "1e3", "nan", "0", "\u0663"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(BadRecipe, match="HEALTHCHECK_TIMEOUT"):
        made(values={"HEALTHCHECK_TIMEOUT": value})


def test_limits_are_those_of_the_type() -> None:
    spec = made(memory={"web": "64M", "worker": "1G"}, cpu={"web": 512})
    assert spec.limits == Limits(memory=64 << 20, cpu_shares=512)
    assert made(cpu={"web": 1}).limits.cpu_shares == 2
    assert made(cpu={"web": 0}).limits.cpu_shares is None


@given(number=st.integers(0, 10**6), unit=st.sampled_from(["B", "K", "KB", "M", "MB", "G", "GB"]), low=st.booleans())
def test_every_format_of_v1_is_read(number: int, unit: str, low: bool) -> None:
    power = {"B": 0, "K": 1, "M": 2, "G": 3}[unit[0]]
    assert memory_bytes(f"{number}{unit.lower() if low else unit}") == number * 1024**power


@pytest.mark.parametrize("text", ["", "12", "M", "1T", "1.5G", "-1M", "1 M", "\u0661M", "1BB"])
def test_any_other_limit_is_refused(text: str) -> None:
    with pytest.raises(BadRecipe, match="memory limit"):
        memory_bytes(text)
