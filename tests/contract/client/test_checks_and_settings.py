"""Probes and settings through the command."""

from __future__ import annotations

import pytest

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import NUMBERS, VERSIONS, StandIn, says
from tests.contract.client.test_terminal import show

NUMBERS_SHOWN = "delay=0s timeout=1s period=10s #success=1 #failure=3"


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    stand_in.app("paper")["formation"] = {"web": 2, "worker": 1}
    return deis


async def test_a_probe_is_set_deployed_and_listed(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("healthchecks:set", "readiness", "httpGet", "8080", "--path", "/ready", "--headers", "A: 1,B: 2")
    assert told.out == (
        "Applying readinessProbe to web... done, v2\n\n"
        "=== paper Healthchecks\n"
        "--- web:\n"
        "startup     none\n"
        f"readiness   http-get http://:8080/ready headers=[A: 1, B: 2] {NUMBERS_SHOWN}\n"
        "liveness    none\n"
        "--- worker:\n"
        "startup     none\n"
        f"readiness   tcp-socket :$PORT {NUMBERS_SHOWN} (default)\n"
        "liveness    none\n"
    )
    probe = {
        "httpGet": {
            "port": 8080,
            "path": "/ready",
            "httpHeaders": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        }
    }
    asked = {"healthcheck": {"web": {"readinessProbe": probe}}}
    assert stand_in.writes() == [("POST", "/v1/apps/paper/healthchecks", asked)]
    assert (await paper("healthchecks")).out == told.out.partition("\n\n")[2]
    only = (await paper("healthchecks:list", "--type", "worker")).out
    assert "--- worker:" in only
    assert "--- web:" not in only


@pytest.mark.parametrize(
    ("words", "type_", "probe"),
    [
        (
            "liveness exec -- cat -e /tmp/alive",
            "web",
            {"livenessProbe": {"exec": {"command": ["cat", "-e", "/tmp/alive"]}}},
        ),
        ("liveness exec --type worker -- true", "worker", {"livenessProbe": {"exec": {"command": ["true"]}}}),
        ("startup tcpSocket 5000", "web", {"startupProbe": {"tcpSocket": {"port": 5000}}}),
        ("readiness staysUp 10 --type worker", "worker", {"readinessProbe": {"staysUp": {"seconds": 10}}}),
        (
            (
                "readinessProbe tcp --initial-delay-timeout 1 --timeout-seconds 2 --period-seconds 3"
                " --success-threshold 4 --failure-threshold 5"
            ),
            "web",
            {"readinessProbe": {"tcpSocket": {}, **dict(zip(sorted(NUMBERS), (5, 1, 3, 4, 2), strict=True))}},
        ),
        (
            "readiness tcp --initial-delay 1 --timeout 2 --period 3 --success 4 --failure 5",
            "web",
            {"readinessProbe": {"tcpSocket": {}, **dict(zip(sorted(NUMBERS), (5, 1, 3, 4, 2), strict=True))}},
        ),
        (
            "readiness httpGet -p /x --header A:1 --headers B:2 --status 200-299",
            "web",
            {
                "readinessProbe": {
                    "httpGet": {
                        "path": "/x",
                        "httpHeaders": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "expectedStatus": "200-299",
                    }
                }
            },
        ),
    ],
)
async def test_probes_are_typed_as_deis_users_type_them(
    paper: Deis, stand_in: StandIn, words: str, type_: str, probe: dict[str, object]
) -> None:
    await paper("healthchecks:set", *words.split())
    assert stand_in.writes()[0][2] == {"healthcheck": {type_: probe}}


async def test_a_type_that_does_not_run_is_told_of(paper: Deis) -> None:
    told = await paper("healthchecks:set", "liveness", "exec", "--type", "wrker", "--", "true")
    assert told.err == "No process of type wrker runs, so nothing is probed yet; paper runs web, worker.\n"


async def test_what_was_never_set_is_not_unset(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("healthchecks:unset", "readiness", "--type", "wrker", status=1)
    assert "wrker has no readinessProbe that could be removed: of its own it has none" in told.err
    await paper("healthchecks:set", "liveness", "tcpSocket", "--type", "web")
    told = await paper("healthchecks:unset", "startup", "readiness", status=1)
    assert "web has no startupProbe and no readinessProbe that could be removed" in told.err
    assert len(stand_in.writes()) == 1


async def test_probes_are_unset_and_the_default_holds_again(paper: Deis, stand_in: StandIn) -> None:
    probe = {"tcpSocket": {"port": 1}}
    stand_in.apps["paper"]["healthcheck"] = {"worker": {"readinessProbe": probe, "livenessProbe": probe}}
    told = await paper("healthchecks:unset", "readiness", "liveness", "--type", "worker")
    assert told.out.startswith("Removing readinessProbe, livenessProbe from worker... done, v2\n\n=== paper Health")
    nothing = {"readinessProbe": None, "livenessProbe": None}
    assert stand_in.writes() == [("POST", "/v1/apps/paper/healthchecks", {"healthcheck": {"worker": nothing}})]
    assert "tcp-socket :1" not in told.out


async def test_probes_are_json_as_the_controller_sent_them(paper: Deis, stand_in: StandIn) -> None:
    await paper("healthchecks:set", "liveness", "exec", "true", "--type=web")
    assert await paper.json("healthchecks") == stand_in.healthchecks("paper")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("healthchecks:set alive httpGet", '"alive" is no probe; startup, readiness and liveness are'),
        ("healthchecks:set readiness ping", '"ping" is no way to probe; httpGet, tcpSocket, exec and staysUp are'),
        ("healthchecks:set readiness httpGet web", '"web" is no port'),
        ("healthchecks:set readiness exec", "exec takes the command to run, as in exec -- cat /tmp/alive"),
        ("healthchecks:set readiness exec --path /x -- true", "--path belongs to httpGet, not to exec"),
        ("healthchecks:set readiness tcp --type we/b", '"we/b" cannot be a name here; write --type web'),
        ("healthchecks:set readiness tcp --failure 0", "--failure"),
        ("healthchecks:set readiness", "Missing argument"),
        ("healthchecks:unset", "Missing argument"),
        ("healthchecks:unset alive", '"alive" is no probe'),
        ("settings:set drain=soon", '"drain=soon" is no time'),
        ("settings:set drian=1", '"drian" is no setting; did you mean drain?'),
        ("settings:unset drian", '"drian" is no setting; did you mean drain?'),
    ],
)
async def test_what_makes_no_sense_is_told_and_asks_nothing(
    paper: Deis, stand_in: StandIn, words: str, said: str
) -> None:
    told = await paper(*words.split(), status=1)
    assert told.out == ""
    assert told.err.startswith("Error: ")
    assert said in told.err
    assert stand_in.asked == []


async def test_without_a_routed_type_the_types_are_named_and_nothing_is_changed(paper: Deis, stand_in: StandIn) -> None:
    stand_in.apps["paper"]["formation"] = {"worker": 1, "clock": 1}
    told = await paper("healthchecks:set", "readiness", "tcp", status=1)
    assert told.err.startswith("Error: paper has clock, worker only: say with --type which processes are meant")
    assert stand_in.writes() == []


async def test_a_probe_that_the_controller_refuses_is_told_in_its_words(paper: Deis, stand_in: StandIn) -> None:
    body = {"healthcheck": ["healthcheck.web.readinessProbe.periodSeconds: 9999; it must be at most 3600"]}
    stand_in.answers["POST /v1/apps/paper/healthchecks"] = says(400, body, reason="BAD REQUEST", headers=VERSIONS)
    told = await paper("healthchecks:set", "readiness", "tcp", "--period", "9999", status=1)
    assert told.out == "Applying readinessProbe to web... failed\n"
    assert "\nhealthcheck.web.readinessProbe.periodSeconds: 9999; it must be at most 3600" in told.err


async def test_settings_are_set_listed_and_unset(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("settings:set", "surge=50%", "drain=2m", "response-timeout=30s")
    assert told.out.startswith("Applying settings... done\n\n=== paper Settings\nsurge\t50%\t25%, at least 1\t")
    shown = [line.split("\t")[:3] for line in told.out.splitlines()[3:]]
    assert shown == [
        ["surge", "50%", "25%, at least 1"],
        ["parallel", "all that the surge allows", "all that the surge allows"],
        ["drain", "120s", "30s"],
        ["drain-websocket", "300s", "300s"],
        ["stop-grace", "10s", "10s"],
        ["startup-limit", "60s", "60s"],
        ["response-timeout", "30s", "the router's"],
    ]
    body = {"settings": {"surge": "50%", "drain_seconds": 120, "response_timeout_seconds": 30}}
    assert stand_in.writes() == [("POST", "/v1/apps/paper/settings", body)]
    told = await paper("settings:unset", "drain", "surge")
    assert stand_in.writes()[-1][2] == {"settings": {"drain_seconds": None, "surge": None}}
    assert "drain\t30s\t30s\t" in told.out
    assert (await paper("settings")).out == told.out.partition("\n\n")[2]
    assert (await paper.json("settings"))["settings"]["response_timeout_seconds"] == 30


async def test_settings_are_a_table_on_a_terminal(paper: Deis) -> None:
    shown = await show(paper, "settings")
    assert "what it is" in shown
    assert "drain-websocket" in shown
    assert "\t" not in shown


async def test_probes_on_a_terminal_have_their_names_in_colour(paper: Deis) -> None:
    shown = await show(paper, "healthchecks")
    assert "\x1b[36mreadiness\x1b[0m   tcp-socket :$PORT" in shown


async def test_limits_of_a_type_that_does_not_run_are_set_with_a_warning(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")["formation"] = {"web": 1, "cmd": 0}
    told = await deis("limits:set", "nosuch=64M", "web=64M")
    assert told.err == "No process of type nosuch runs, so nothing of it is limited yet; paper runs cmd, web.\n"
    assert (await deis("limits:set", "web=64M", "run=64M")).err == ""
