"""`python -m deploy.local up|down|reset|status|accept-store|demo`."""

from __future__ import annotations

import argparse
import os
import sys

from pydantic import ValidationError
from rich.markup import escape

from deploy.local import demo, engine, platform
from deploy.local.demo import DemoFailed
from deploy.local.engine import EngineCannotRun
from deploy.local.platform import NotReady
from deploy.local.ports import PortsTaken
from deploy.local.settings import LocalSettings
from deploy.local.steps import complaints, console
from deploy.local.supervisor import SupervisorFailed

ACTIONS = {
    "up": platform.up,
    "down": platform.down,
    "reset": platform.reset,
    "status": platform.status,
    "accept-store": platform.accept_store,
    "demo": demo.run,
}


def become_root_where_needed(settings: LocalSettings, action: str) -> None:
    """Run the whole action again through sudo, unless this user is root or may speak to a Docker Engine."""
    if os.geteuid() == 0 or engine.answers(settings):
        return
    kept = ",".join(["HOME", "PATH", *(name for name in os.environ if name.startswith("DEIS_"))])
    command = ["sudo", f"--preserve-env={kept}", sys.executable, "-m", "deploy.local", action]
    try:
        os.execvp("sudo", command)  # noqa: S606, S607 - the user's own sudo
    except FileNotFoundError:
        sys.exit("only root may run containers here, and there is no sudo: run it as root, or join the group docker")


def wrong_settings(error: ValidationError) -> list[str]:
    """A line for each setting that is wrong: its name, its value and what would be right."""
    lines = []
    for one in error.errors():
        name = "DEIS_" + "_".join(str(part) for part in one["loc"]).upper()
        own = one.get("ctx", {}).get("error")  # a validator of ours, which names it all
        said = one["msg"][:1].lower() + one["msg"][1:]
        lines.append(str(own) if own else f"{name} is {str(one['input'])!r}: {said}")
    return lines


def main() -> None:
    """Do one action; a failure that can be named is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    action = parser.parse_args().action
    try:
        settings = LocalSettings()
    except ValidationError as error:
        sys.exit("\n".join(wrong_settings(error)))
    become_root_where_needed(settings, action)
    try:
        ACTIONS[action](settings)
    except (EngineCannotRun, NotReady, PortsTaken, SupervisorFailed, DemoFailed) as error:
        complaints.print(f"[red]{action} failed[/red]: {escape(str(error))}", style="default")
        sys.exit(1)
    if action == "up":
        console.print(
            f"\nThe platform is ready: {settings.controller_url}\n"
            f"Try: .venv/bin/deis register {settings.controller_url}"
        )


main()
