"""The main job, done through the `deis` command as a user would: `make demo`."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import platform
from deploy.local.engine import docker
from deploy.local.settings import LocalSettings
from deploy.local.steps import console, step
from libs.daemon import files

APP = "hello"
IMAGE = "deis-example-hello"
PROFILE = "demo"
EXAMPLES = Path(__file__).parents[1] / "examples"
ANSWER_LIMIT = 10.0  # seconds


class DemoFailed(Exception):
    """A step of the demo did not do what it should; the message has the command and its words."""


def run(settings: LocalSettings) -> None:
    """Bring the platform up, do the main job, and leave it running."""
    began = time.monotonic()
    platform.up(settings)
    deis = Deis(settings)
    with step("account") as told:
        told.detail = account(settings, deis)
    with step(f"app {APP}") as told:
        told.detail = deis.created_or_there()
    for tag, note in (("v1", "an image FROM scratch with a static busybox"), ("v2", "the same with another page")):
        with step(f"docker build {IMAGE}:{tag}") as told:
            build(settings, tag)
            told.detail = note
    with step(f"deis pull {IMAGE}:v1 -a {APP}"):
        deis("pull", f"{IMAGE}:v1", "-a", APP)
    with step(f"deis scale cmd=3 -a {APP}"):
        deis("scale", "cmd=3", "-a", APP)
    greeting = f"Hello from {time.strftime('%H:%M:%S')}"
    with step(f"deis config:set GREETING=… -a {APP}"):
        deis("config:set", f"GREETING={greeting}", "-a", APP)
    url = settings.app_url(APP)
    with step(f"GET {url}") as told:
        told.detail = fetch(settings, url, wants=greeting).splitlines()[0][:100]
    with step(f"deis pull {IMAGE}:v2 -a {APP}"):
        deis("pull", f"{IMAGE}:v2", "-a", APP)
    with step(f"deis rollback -a {APP}"):
        deis("rollback", "-a", APP)
    with step(f"GET {url}") as told:
        told.detail = fetch(settings, url, wants=greeting).splitlines()[0][:100]
    for shown in (("ps",), ("releases",), ("logs", "-n", "8")):
        console.print(f"\n[bold]$ deis {' '.join(shown)} -a {APP}[/bold]")
        console.print(deis(*shown, "-a", APP).rstrip(), markup=False)
    console.print(
        f"\n[bold]The platform runs[/bold] ({time.monotonic() - began:.1f} s in all).\n"
        f"  the API   {settings.controller_url}\n"
        f"  your app  {url}\n"
        "Try next:\n"
        f"  export DEIS_PROFILE={PROFILE} PATH=$PWD/.venv/bin:$PATH\n"
        f"  deis scale cmd=5 -a {APP}        more instances\n"
        f"  deis config:set GREETING='Good morning' -a {APP}\n"
        f"  deis logs -a {APP}               what they say\n"
        f"  deis destroy -a {APP} --confirm={APP}\n"
        "  make down                        stop it all; make up brings it back; make reset forgets it"
    )


class Deis:
    """The `deis` command with the demo's profile."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.command = str(Path(sys.executable).with_name("deis"))
        self.environment = {**os.environ, "DEIS_PROFILE": PROFILE}
        # Behind sudo the profile is still the user's own.
        self.user = int(os.environ["SUDO_UID"]) if os.geteuid() == 0 and "SUDO_UID" in os.environ else None

    def __call__(self, *arguments: str) -> str:
        """Run it; its standard output, or `DemoFailed` with its words."""
        done = self.attempt(*arguments)
        if done.returncode != 0:
            raise DemoFailed(f"`deis {' '.join(arguments)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever it answers."""
        return subprocess.run(  # noqa: S603
            [self.command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=self.settings.home,
            user=self.user,
        )

    def created_or_there(self) -> str:
        """Create the demo's app, unless an earlier run did."""
        apps = json.loads(self("apps:list", "--json"))
        if any(app["id"] == APP for app in apps):
            return "there from an earlier run"
        self("create", APP, "--no-remote")
        return "created"


def account(settings: LocalSettings, deis: Deis) -> str:
    """Be logged in: with the profile of an earlier run, by logging in again, or as a new user."""
    mine = settings.home / "demo-password"
    if mine.exists():
        if deis.attempt("apps:list").returncode == 0:
            return "logged in from an earlier run"
        deis("login", settings.controller_url, "--username", "demo", "--password", mine.read_text())
        return "logged in as demo"
    files.create(mine, secrets.token_urlsafe(16))
    if deis.user is not None:
        os.chown(mine, deis.user, -1)
    login = ("--username", "demo", "--password", mine.read_text(), "--email", "demo@example.com")
    try:
        deis("register", settings.controller_url, *login)
    except DemoFailed:
        mine.unlink()
        raise
    return f"registered as demo; the password is in {mine}"


def build(settings: LocalSettings, tag: str) -> None:
    """Build the example image from its files and Debian's static busybox; nothing is fetched."""
    with tempfile.TemporaryDirectory() as scratch:
        context = shutil.copytree(EXAMPLES / "hello", Path(scratch) / "hello")
        shutil.copy2("/bin/busybox", context / "busybox")
        built = docker(
            settings, "build", "--quiet", "--build-arg", f"VERSION={tag}", "--tag", f"{IMAGE}:{tag}", str(context)
        )
    if built.returncode != 0:
        raise DemoFailed(f"docker build ended with {built.returncode}: {built.stderr.strip()}")


def fetch(settings: LocalSettings, url: str, *, wants: str) -> str:
    """The page behind a URL of the platform, which must contain `wants`."""
    host = urlsplit(url).netloc
    connection = http.client.HTTPConnection("127.0.0.1", settings.router_http_port, timeout=ANSWER_LIMIT)
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse()
    page = answer.read().decode(errors="replace")
    connection.close()
    if answer.status != 200 or wants not in page:
        raise DemoFailed(f"{url} answered {answer.status} without {wants!r}:\n{page[:500]}")
    return page
