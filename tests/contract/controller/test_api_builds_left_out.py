"""The answer to a build says which process types it leaves out."""

from __future__ import annotations

from tests.support.api import Client


async def test_a_build_without_types_that_run_says_how_many_of_each_are_left_out(admin: Client, app: str) -> None:
    body = {"image": "a", "procfile": {"web": "x", "worker": "y"}}
    assert "left_out" not in (await admin("POST", f"{app}/builds", body)).json
    assert (await admin("POST", f"{app}/scale", {"cmd": 1, "web": 2, "worker": 1})).status == 204
    answer = await admin("POST", f"{app}/builds", {"image": "b"})
    assert answer.line == "201 CREATED"
    assert answer.json["left_out"] == {"web": 2, "worker": 1}
    assert "left_out" not in (await admin("GET", f"{app}/builds/{answer.json['uuid']}")).json


async def test_who_follows_is_told_too_and_what_is_scaled_to_none_is_not_missed(admin: Client, app: str) -> None:
    assert (await admin("POST", f"{app}/builds", {"image": "a", "procfile": {"web": "x", "off": "y"}})).status == 201
    assert (await admin("POST", f"{app}/scale", {"cmd": 1, "web": 1, "off": 0})).status == 204
    lines = await admin("POST", f"{app}/builds", {"image": "b"}, headers={"Accept": "application/x-ndjson"})
    assert '"left_out":{"web":1}' in lines.text.splitlines()[-1].replace(" ", "")
