"""The main commands against an API that answers as v1's does."""

from __future__ import annotations

import json
import shlex
import stat

import pytest

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import DATE, TOKEN, VERSIONS, StandIn, says


async def test_registering_logs_in_and_keeps_the_login_as_version_1_does(anonymous: Deis) -> None:
    account = ("--username", "ada", "--password", "secret", "--email", "ada@example.com")
    told = await anonymous("register", anonymous.controller, *account)
    assert told.out == "Registered ada\nLogged in as ada\n"
    assert json.loads(anonymous.profile.read_text()) == {
        "username": "ada",
        "ssl_verify": True,
        "controller": anonymous.controller,
        "token": TOKEN,
        "response_limit": 100,
    }
    assert stat.S_IMODE(anonymous.profile.stat().st_mode) == 0o600
    assert (await anonymous("whoami")).out == f"You are ada at {anonymous.controller}\n"
    assert (await anonymous("logout")).out == "Logged out\n"
    told = await anonymous("whoami", status=1)
    assert told.err == "Error: Not logged in. Use 'deis login' or 'deis register' to get started.\n"


async def test_what_is_not_given_is_asked_for(anonymous: Deis) -> None:
    told = await anonymous("register", anonymous.controller, typed="ada\nsecret\nada@example.com\n")
    assert "username: " in told.out
    assert told.out.endswith("Registered ada\nLogged in as ada\n")


async def test_where_nobody_answers_the_option_is_named(anonymous: Deis) -> None:
    told = await anonymous("login", anonymous.controller, "--username", "ada", status=1)
    assert "--password" in told.err


async def test_a_registration_that_is_refused_says_why(anonymous: Deis) -> None:
    account = ("--username", "taken", "--password", "secret", "--email", "")
    told = await anonymous("register", anonymous.controller, *account, status=1)
    assert told.err.splitlines() == [
        "Error: Registration failed: user taken is taken (400 BAD REQUEST)",
        "username: This field must be unique.",
        "Choose another username, or use `deis login` if this one is yours.",
    ]
    assert not anonymous.profile.exists()


async def test_a_login_that_is_refused_keeps_the_present_one(deis: Deis) -> None:
    before = deis.profile.read_text()
    told = await deis("login", deis.controller, "--username", "ada", "--password", "wrong", status=1)
    assert "Unable to log in with provided credentials." in told.err
    assert deis.profile.read_text() == before


async def test_the_present_token_is_sent_to_its_own_controller_alone(deis: Deis, stand_in: StandIn) -> None:
    account = ("--username", "bob", "--password", "secret", "--email", "")
    await deis("register", deis.controller, *account)
    assert f"token {TOKEN}" in stand_in.tokens
    stand_in.tokens.clear()
    deis.log_in(controller="http://elsewhere.example.com")
    await deis("register", deis.controller, *account)
    assert set(stand_in.tokens) == {None}


async def test_a_password_is_changed(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("passwd", "--password", "secret", "--new-password", "better")
    assert told.out == "Password change succeeded.\n"
    assert stand_in.asked[-1][2] == {"new_password": "better", "password": "secret"}
    told = await deis("auth:passwd", "--password", "wrong", "--new-password", "better", status=1)
    assert "Current password does not match (400 BAD REQUEST)" in told.err


async def test_an_app_is_created_listed_shown_and_destroyed(deis: Deis, stand_in: StandIn) -> None:
    assert (await deis("create", "paper")).out == "Creating Application... done, created paper\n"
    assert (await deis("apps:create")).out == "Creating Application... done, created tender-hardtack\n"
    assert (await deis("apps")).out == "=== Apps\npaper\ntender-hardtack\n"
    assert (await deis("apps:list", "-l", "1")).out == "=== Apps (1 of 2)\npaper\n"
    shown = (await deis("info")).out
    assert shown.splitlines()[0] == "=== paper Application"
    assert "url:      paper.localhost" in shown
    assert "=== paper Processes\n" in shown
    assert "=== paper Domains\n" in shown
    told = await deis("destroy", "-a", "tender-hardtack", "--confirm=tender-hardtack")
    assert told.out == "Destroying tender-hardtack...\ndone in 0s\n"
    assert list(stand_in.apps) == ["paper"]


async def test_an_app_whose_name_is_not_confirmed_stays(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("destroy", typed="papier\n", status=1)
    assert "Potentially Destructive Action" in told.err
    assert "App paper does not match confirm papier, aborting." in told.err
    await deis("destroy", "--confirm=papier", status=1)
    assert list(stand_in.apps) == ["paper"]
    await deis("destroy", typed="paper\n")
    assert list(stand_in.apps) == []


async def test_without_a_login_nothing_is_begun(anonymous: Deis) -> None:
    told = await anonymous("pull", "example/web:v1", "-a", "paper", status=1)
    assert told.out == ""
    assert told.err == "Error: Not logged in. Use 'deis login' or 'deis register' to get started.\n"


async def test_an_image_is_deployed_with_the_procfile_that_is_given_or_there(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert (await deis("pull", "example/web:v1")).out == "Creating build... done\n"
    assert stand_in.writes()[-1] == ("POST", "/v1/apps/paper/builds", {"image": "example/web:v1"})
    (deis.directory / "Procfile").write_text("web: serve\nworker: work\n")
    await deis("builds:create", "example/web:v2")
    assert stand_in.writes()[-1][2]["procfile"] == {"web": "serve", "worker": "work"}
    await deis("pull", "example/web:v3", "--procfile", "web: serve --fast")
    assert stand_in.writes()[-1][2]["procfile"] == {"web": "serve --fast"}
    assert (await deis("builds")).out == f"=== paper Builds\nb2 {DATE}\nb1 {DATE}\nb0 {DATE}\n"


async def test_a_procfile_that_is_none_deploys_nothing(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("pull", "example/web:v1", "--procfile", "serve", status=1)
    assert told.err.startswith("Error: line 1 of the Procfile")
    assert stand_in.writes() == []


async def test_processes_are_scaled_listed_and_restarted(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("scale", "web=2", "cmd=1")
    assert told.out == (
        "Scaling processes... but first, coffee!\ndone in 0s\n=== paper Processes\n"
        "--- cmd:\ncmd.1 up (v1)\n--- web:\nweb.1 up (v1)\nweb.2 up (v1)\n"
    )
    assert stand_in.writes() == [("POST", "/v1/apps/paper/scale", {"web": 2, "cmd": 1})]
    assert (await deis("ps")).out == told.out.partition("done in 0s\n")[2]
    deis.environment["DEIS_DRINK_OF_CHOICE"] = "tea"
    assert "Restarting processes... but first, tea!\n" in (await deis("restart", "web.1")).out
    assert stand_in.writes()[-1][1] == "/v1/apps/paper/containers/web/1/restart"
    await deis("ps:restart")
    assert stand_in.writes()[-1][1] == "/v1/apps/paper/containers/restart"


async def test_restarting_what_does_not_run_says_so(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")["formation"] = {}
    assert "Could not find any processes to restart" in (await deis("ps:restart")).out
    assert "paper has no process web.7" in (await deis("ps:restart", "web.7", status=1)).err


async def test_a_scale_that_is_none_sends_nothing(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    await deis("scale", "web=2", "cmd=many", status=1)
    assert stand_in.writes() == []
    told = await deis("scale", "nope=1", status=1)
    assert told.err == (
        "Error: Container type nope does not exist in application (400 BAD REQUEST)\n"
        "Its types are those of its build's Procfile, and cmd: see `deis ps -a paper`.\n"
    )


async def test_config_is_set_listed_and_unset(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("config:set", "GREETING=good = morning", "EMPTY=", "LINES=a\nb")
    assert told.out == (
        "Creating config... done, v2\n\n=== paper Config\nEMPTY         \nGREETING      good = morning\n"
        "LINES         a\n              b\n"
    )
    assert stand_in.apps["paper"]["values"] == {"GREETING": "good = morning", "EMPTY": "", "LINES": "a\nb"}
    assert (await deis("config:unset", "LINES", "EMPTY")).out.startswith("Removing config... done, v3\n\n")
    assert (await deis("config")).out == "=== paper Config\nGREETING      good = morning\n"
    assert (await deis("config:list", "--oneline")).out == "GREETING='good = morning'\n"


async def test_config_on_one_line_is_quoted_for_a_shell_where_it_must_be(deis: Deis, stand_in: StandIn) -> None:
    values = {"A": "x y", "B": "a\nb", "C": "", "D": "it's", "E": "plain=1", "F": "$HOME"}
    stand_in.app("paper")["values"] = values
    told = (await deis("config", "--oneline")).out
    assert told == "A='x y' B='a\nb' C= D='it'\"'\"'s' E=plain=1 F='$HOME'\n"
    assert shlex.split(told) == [f"{key}={value}" for key, value in values.items()]


async def test_config_travels_through_a_file(deis: Deis, stand_in: StandIn) -> None:
    values = {"A": "x y", "B": "a\nb", "C": "", "D": '"quoted"'}
    stand_in.app("paper")["values"] = dict(values)
    await deis("config:pull")
    path = deis.directory / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stand_in.apps["paper"]["values"] = {}
    await deis("config:push")
    assert stand_in.apps["paper"]["values"] == values


async def test_pulled_config_replaces_nothing_unasked(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")["values"] = {"A": "theirs", "B": "2"}
    path = deis.directory / ".env"
    path.write_text("A=mine\nOWN=1\n")
    told = await deis("config:pull", status=1)
    assert "other values for A" in told.err
    assert path.read_text() == "A=mine\nOWN=1\n"
    await deis("config:pull", "-i", typed="n\n")
    assert path.read_text() == "A=mine\nB=2\nOWN=1\n"
    await deis("config:pull", "--overwrite")
    assert path.read_text() == "A=theirs\nB=2\nOWN=1\n"


async def test_a_file_that_cannot_be_pushed_changes_nothing(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert "cannot read" in (await deis("config:push", status=1)).err
    (deis.directory / ".env").write_bytes(b"A=\xff\n")
    assert "no UTF-8" in (await deis("config:push", status=1)).err
    (deis.directory / ".env").write_text("# nothing\n")
    assert "no KEY=VALUE" in (await deis("config:push", status=1)).err
    assert stand_in.writes() == []


async def test_releases_are_listed_shown_and_gone_back_to(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")["releases"].append("ada deployed example/web:v1")
    assert (await deis("releases")).out == (
        f"=== paper Releases\nv2\t{DATE}\tada deployed example/web:v1\nv1\t{DATE}\tada created initial release\n"
    )
    assert (await deis("releases:info", "v2")).out.startswith("=== paper Release v2\nbuild:    b\nconfig:   c\n")
    assert "build:" not in (await deis("releases:info", "v1")).out
    assert (await deis("rollback", "v1")).out == "Rolling back to v1... done, v3\n"
    assert stand_in.writes()[-1][2] == {"version": 1}
    assert (await deis("releases:rollback")).out == "Rolling back one release... done, v4\n"
    assert stand_in.writes()[-1][2] == {}
    told = await deis("releases:info", "v9", status=1)
    assert told.err.startswith("Error: release v9 of app paper was not found (404 NOT FOUND)")


async def test_a_release_that_is_current_or_failed_is_marked(deis: Deis, stand_in: StandIn) -> None:
    releases = [
        {"version": 3, "created": DATE, "summary": "third", "state": "failed", "reason": "web.1 exited with code 1"},
        {"version": 2, "created": DATE, "summary": "second", "state": "current", "reason": None},
        {"version": 1, "created": DATE, "summary": "first", "state": "superseded", "reason": ""},
    ]
    stand_in.app("paper")
    stand_in.answers["GET /v1/apps/paper/releases"] = says(200, {"count": 3, "results": releases}, headers=VERSIONS)
    assert (await deis("releases")).out == (
        f"=== paper Releases\nv3\t{DATE}\tthird\tfailed\nv2\t{DATE}\tsecond\tcurrent\nv1\t{DATE}\tfirst\n"
    )
    assert await deis.json("releases") == releases
    evidence = [{"phase": "image", "seconds": 0.26, "note": "example/web:v3"}, {"phase": "starting", "seconds": 4}]
    shown = {**releases[0], "evidence": evidence}
    stand_in.answers["GET /v1/apps/paper/releases/v3"] = says(200, shown, headers=VERSIONS)
    assert (await deis("releases:info", "v3")).out.endswith(
        "state:    failed\nreason:   web.1 exited with code 1\n"
        "\n--- Phases:\nimage\t\t0.260s\texample/web:v3\nstarting\t\t4.000s\n"
    )


async def test_domains_come_and_go(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert (await deis("domains:add", "www.example.com")).out == "Adding www.example.com to paper... done\n"
    assert (await deis("domains")).out == "=== paper Domains\nwww.example.com\n"
    assert (await deis("domains:remove", "www.example.com")).out == "Removing www.example.com from paper... done\n"
    told = await deis("domains:remove", "www.example.com", status=1)
    assert "domain www.example.com of app paper was not found" in told.err


async def test_a_name_that_is_taken_is_told_as_that(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("create", "paper", status=1)
    assert told.err.startswith("Error: app paper is taken (400 BAD REQUEST)\nid: This field must be unique.\n")
    body = {"domain": ["This field must be unique."]}
    stand_in.answers["POST /v1/apps/paper/domains"] = says(400, body, reason="BAD REQUEST", headers=VERSIONS)
    told = await deis("domains:add", "www.example.com", status=1)
    assert told.err.startswith("Error: domain www.example.com is taken (400 BAD REQUEST)\n")


async def test_a_buildpack_that_is_no_url_makes_no_app(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("create", "-bad", status=1)
    assert '"ad" is no URL' in told.err
    assert stand_in.asked == []
    await deis("create", "paper", "-b", "https://example.com/pack.git")
    assert stand_in.apps["paper"]["values"] == {"BUILDPACK_URL": "https://example.com/pack.git"}


async def test_limits_are_applied_by_type(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    told = await deis("limits:set", "web=512M", "worker=1G")
    assert told.out == (
        "Applying limits... done, v2\n\n=== paper Limits\n\n--- Memory\nweb        512M\nworker     1G\n"
        "\n--- CPU\nUnlimited\n"
    )
    await deis("limits:set", "-c", "web=256")
    assert (await deis.json("limits")) == {"memory": {"web": "512M", "worker": "1G"}, "cpu": {"web": 256}}
    await deis("limits:unset", "web")
    await deis("limits:unset", "--cpu", "web")
    assert (await deis.json("limits")) == {"memory": {"worker": "1G"}, "cpu": {}}
    await deis("limits:set", "-c", "web=half", status=1)
    await deis("limits:set", "-c", "-m", "web=1", status=1)


async def test_tags_are_applied(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert (await deis("tags:set", "disk=ssd")).out == "Applying tags... done, v2\n\n=== paper Tags\ndisk     ssd\n"
    await deis("tags:unset", "disk")
    assert (await deis("tags")).out == "=== paper Tags\n"


async def test_logs_are_shown_as_they_are(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert (await deis("logs")).out == "".join(f"{DATE} paper[cmd.1]: line {number}\n" for number in range(3))
    assert (await deis("logs", "-n", "1")).out == f"{DATE} paper[cmd.1]: line 2\n"
    assert (await deis("logs", "-n", "0", status=1)).err.startswith("Error: ")
    assert await deis.json("logs", "-n", "1") == {
        "time": "2026-01-02T03:04:05.000000000Z",
        "app": "paper",
        "process": "cmd.1",
        "instance": "i1",
        "release": "v2",
        "stream": "stdout",
        "text": "line 2",
    }


async def test_an_app_is_handed_over(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    assert (await deis("apps:transfer", "bob")).out == "Transferring paper to bob... done\n"
    assert stand_in.writes() == [("POST", "/v1/apps/paper", {"owner": "bob"})]


async def test_an_apps_url_is_shown_with_the_routers_port(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    port = deis.controller.rpartition(":")[2]
    assert (await deis("open", "--print")).out == f"http://paper.localhost:{port}\n"


@pytest.mark.parametrize(
    "listing",
    ["apps", "ps", "config", "domains", "builds", "releases", "limits", "tags", "events", "healthchecks", "settings"],
)
async def test_every_listing_is_json_on_demand(deis: Deis, stand_in: StandIn, listing: str) -> None:
    app = stand_in.app("paper")
    app["values"], app["domains"] = {"A": "1"}, ["www.example.com"]
    app["builds"] = [{"uuid": "b0", "image": "example/web:v1", "created": DATE, "later": "kept"}]
    app["tags"] = {"disk": "ssd"}
    content = await deis.json(listing)
    assert content


@pytest.mark.parametrize("shown", [("info",), ("releases:info", "v1"), ("whoami",)])
async def test_what_shows_one_thing_is_json_on_demand(deis: Deis, stand_in: StandIn, shown: tuple[str, ...]) -> None:
    stand_in.app("paper")
    assert isinstance(await deis.json(*shown), dict)


@pytest.mark.parametrize("command", ["info", "ps"])
@pytest.mark.parametrize(("state", "told"), [("failed", True), ("current", False)])
async def test_why_nothing_runs_is_told_where_the_newest_release_failed(
    deis: Deis, stand_in: StandIn, command: str, state: str, *, told: bool
) -> None:
    stand_in.app("paper")["formation"] = {}
    release = {"version": 2, "state": state, "reason": "cmd.1 exited with code 3"}
    listed = {"count": 2, "next": None, "previous": None, "results": [release]}
    stand_in.answers["GET /v1/apps/paper/releases"] = says(200, listed, headers=VERSIONS)
    shown = await deis(command, "-a", "paper")
    words = "v2 failed: cmd.1 exited with code 3; nothing runs.\n`deis releases:info v2 -a paper` has its last lines.\n"
    assert shown.err == (words if told else "")
