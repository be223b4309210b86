"""What is told of a rollout afterwards: releases, processes, the app."""

from __future__ import annotations

from tests.contract.client.conftest import Deis
from tests.contract.client.rollout import ASKED, PATH, at, release
from tests.contract.client.stand_in import DATE, VERSIONS, StandIn, says


async def test_a_release_is_shown_with_its_evidence(paper: Deis, stand_in: StandIn) -> None:
    shown = release(
        "done",
        2,
        state="current",
        in_place="no room for one more beside 2 of 512M",
        evidence=[{"phase": "starting", "began": at(0), "seconds": 2.04, "note": "web.1 to pass its check"}],
    )
    stand_in.answers[PATH] = says(200, shown, headers=VERSIONS)
    assert (await paper("releases:info", "v2")).out.partition("state:")[2] == (
        "     current\n"
        f"asked:     {ASKED}\n"
        "in place:  no room for one more beside 2 of 512M\n"
        "\n--- Phases:\n"
        "starting\t+0.250s\t2.040s\tweb.1 to pass its check\n"
        "\n--- Instances:\n"
        "web.1 (v2) on n1: running +1.250s, ready +2.250s\n"
        "web.2 (v2) on n1: running +1.250s, ready +2.250s\n"
    )
    assert await paper.json("releases:info", "v2") == shown


async def test_a_release_on_its_way_says_what_it_waits_for_and_a_failed_one_its_last_lines(
    paper: Deis, stand_in: StandIn
) -> None:
    stand_in.answers[PATH] = says(200, release("starting", state="rolling", waiting="web.2 to start"), headers=VERSIONS)
    told = (await paper("releases:info", "v2")).out
    assert "\nstate:      rolling\n" in told
    assert "\nphase:      starting\nwaits for:  web.2 to start\n" in told
    failed = release("failed", state="failed", reason="web.1 exited with code 1", last_lines=["Traceback", "boom"])
    stand_in.answers[PATH] = says(200, failed, headers=VERSIONS)
    assert (await paper("releases:info", "v2")).out.endswith("\n\n--- Last lines:\nTraceback\nboom\n")


async def test_releases_that_roll_or_were_cancelled_are_marked(paper: Deis, stand_in: StandIn) -> None:
    states = {4: "rolling", 3: "cancelled", 2: "superseded", 1: "current"}
    releases = [{"version": n, "created": DATE, "summary": "s", "state": state} for n, state in states.items()]
    stand_in.answers["GET /v1/apps/paper/releases"] = says(200, {"count": 4, "results": releases}, headers=VERSIONS)
    assert (await paper("releases")).out.splitlines()[1:] == [
        f"v4\t{DATE}\ts\trolling",
        f"v3\t{DATE}\ts\tcancelled",
        f"v2\t{DATE}\ts",
        f"v1\t{DATE}\ts\tcurrent",
    ]


async def test_below_what_is_not_ready_or_has_crashed_stands_why(paper: Deis, stand_in: StandIn) -> None:
    names = {"type": "web", "release": "v2"}
    processes = [
        {**names, "num": 1, "state": "up", "ready": True, "reason": "", "last_lines": []},
        {**names, "num": 2, "state": "down", "ready": False, "reason": "GET /ready answered 503, wants 200-399"},
        {
            **names,
            "num": 3,
            "state": "crashed",
            "ready": None,
            "reason": "exited with code 1",
            "last_lines": ["a", "b"],
        },
        {**names, "num": 4, "state": "created", "ready": None, "reason": ""},
        {**names, "num": 5, "state": "up", "ready": True, "reason": "GET /alive: no answer within 1 s"},
    ]
    answer = {"count": len(processes), "results": processes}
    stand_in.answers["GET /v1/apps/paper/containers"] = says(200, answer, headers=VERSIONS)
    assert (await paper("ps")).out == (
        "=== paper Processes\n--- web:\n"
        "web.1 up (v2)\n"
        "web.2 down (v2)\n    GET /ready answered 503, wants 200-399\n"
        "web.3 crashed (v2)\n    exited with code 1\n    its last lines:\n        a\n        b\n"
        "web.4 created (v2)\n"
        "web.5 up (v2)\n    GET /alive: no answer within 1 s\n"
    )
    assert await paper.json("ps") == processes


async def test_an_app_shows_its_alarms_and_the_rollout_under_way(paper: Deis, stand_in: StandIn) -> None:
    alarms = [
        {"kind": "unready", "about": "web", "since": at(1), "message": "none is ready; all are used", "last_lines": []},
        {"kind": "not_live", "about": "web.2", "since": at(2), "message": "it hangs", "last_lines": ["tick"]},
    ]
    under_way = {"release": "v2", "phase": "starting", "waiting": "web.2 to start"}
    shape = {**stand_in.shape("paper"), "alarms": alarms, "rollout": under_way}
    stand_in.answers["GET /v1/apps/paper"] = says(200, shape, headers=VERSIONS)
    told = (await paper("info")).out
    assert "\nrollout:  v2 starting, waits for web.2 to start\n\n=== paper Alarms\n" in told
    assert f"\nweb unready since {at(1)}: none is ready; all are used\n" in told
    assert f"\nweb.2 not live since {at(2)}: it hangs\n    its last lines:\n        tick\n\n=== paper Processes" in told
    shown = await paper.json("info")
    assert (shown["alarms"], shown["rollout"]) == (alarms, under_way)
    stand_in.answers["GET /v1/apps/paper"] = says(200, {**shape, "alarms": [], "rollout": None}, headers=VERSIONS)
    told = (await paper("info")).out
    assert "Alarms" not in told
    assert "rollout:" not in told
