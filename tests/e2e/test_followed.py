"""A change is followed through the router, on a real engine."""

from __future__ import annotations

import json
import re

from tests.e2e.conftest import IMAGE
from tests.support.platform import Platform


async def test_what_new_processes_write_is_told_until_the_change_is_out(deis_platform: Platform, app: str) -> None:
    told = await deis_platform.deis("pull", f"{IMAGE}:v2", "-a", app, "--logs", check=False)
    assert "Creating build... done\n" in told
    assert {*re.findall(rf"UTC {app}\[(cmd\.\d)\]: listening on port 8000", told)} == {"cmd.1", "cmd.2"}
    assert "told to end" not in told
    told = await deis_platform.deis("scale", "cmd=3", "-a", app, "--logs", check=False)
    assert re.findall(rf"UTC {app}\[(cmd\.\d)\]: listening on port 8000", told) == ["cmd.3"]


async def test_what_an_app_is_doing_is_followed_until_it_has_settled(deis_platform: Platform, app: str) -> None:
    lines = (await deis_platform.deis("apps:watch", "-a", app, "--json")).splitlines()
    assert json.loads(lines[-1])["phase"] == "done"
