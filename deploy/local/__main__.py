"""`python -m deploy.local up|down|reset|status|demo`."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from deploy.local import demo, platform
from deploy.local.demo import DemoFailed
from deploy.local.engine import EngineCannotRun
from deploy.local.platform import NotReady
from deploy.local.ports import PortsTaken
from deploy.local.settings import LocalSettings
from deploy.local.steps import console
from deploy.local.supervisor import SupervisorFailed

ACTIONS = {
    "up": platform.up,
    "down": platform.down,
    "reset": platform.reset,
    "status": platform.status,
    "demo": demo.run,
}


def main() -> None:
    """Do one action; a failure that can be named is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    action = parser.parse_args().action
    try:
        settings = LocalSettings()
    except ValidationError as error:
        sys.exit("\n".join(str(one["ctx"]["error"] if "ctx" in one else one["msg"]) for one in error.errors()))
    try:
        ACTIONS[action](settings)
    except (EngineCannotRun, NotReady, PortsTaken, SupervisorFailed, DemoFailed) as error:
        console.print(f"[red]{action} failed[/red]: {error}", style="default")
        sys.exit(1)
    if action == "up":
        console.print(
            f"\nThe platform is ready: {settings.controller_url}\n"
            f"Try: .venv/bin/deis register {settings.controller_url}"
        )


main()
