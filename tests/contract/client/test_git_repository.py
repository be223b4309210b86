"""The app's name and the git remote, in a real repository."""

from __future__ import annotations

import subprocess

import pytest

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import StandIn


def git(deis: Deis, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=deis.directory, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


@pytest.fixture
def repository(deis: Deis) -> Deis:
    git(deis, "init", "--quiet")
    return deis


async def test_a_created_app_is_known_to_git(repository: Deis, stand_in: StandIn) -> None:
    told = await repository("create", "ink")
    url = "ssh://git@deis.localhost:2222/ink.git"
    assert told.out == (
        f"Creating Application... done, created ink\nGit remote deis added\nremote available at {url}\n"
    )
    assert git(repository, "remote", "get-url", "deis").strip() == url


async def test_the_app_is_the_remotes_before_it_is_the_directorys(repository: Deis, stand_in: StandIn) -> None:
    git(repository, "remote", "add", "origin", "git@github.com:ada/paper.git")
    git(repository, "remote", "add", "deis", "ssh://git@deis.localhost:2222/ink.git")
    stand_in.app("ink")
    stand_in.app("paper")
    assert (await repository("ps")).out.startswith("=== ink Processes\n")
    assert (await repository("ps", "-a", "paper")).out.startswith("=== paper Processes\n")


async def test_a_remotes_name_that_is_taken_does_not_hide_that_the_app_is_there(repository: Deis) -> None:
    git(repository, "remote", "add", "deis", "ssh://git@elsewhere:2222/old.git")
    told = await repository("create", "ink", status=1)
    assert told.out == "Creating Application... done, created ink\n"
    assert "already exists" in told.err
    assert "deis git:remote -a ink -r OTHER" in told.err
    await repository("git:remote", "-a", "ink", "-r", "prod")
    assert git(repository, "remote", "get-url", "prod").strip().endswith("/ink.git")


async def test_a_destroyed_app_is_forgotten_by_git(repository: Deis) -> None:
    await repository("create", "ink")
    assert (await repository("destroy", "--confirm=ink")).out.endswith("Git remote deis removed\n")
    assert git(repository, "remote") == ""


async def test_no_remote_is_added_where_none_is_wanted(repository: Deis) -> None:
    await repository("create", "ink", "--no-remote")
    assert git(repository, "remote") == ""


async def test_a_repository_of_several_apps_asks_which_is_meant(repository: Deis, stand_in: StandIn) -> None:
    for name in ("prod", "staging"):
        stand_in.app(name)
        git(repository, "remote", "add", name, f"ssh://git@deis.localhost:2222/{name}.git")
    told = await repository("destroy", "--confirm=prod", status=1)
    assert "remotes of several: prod of prod, staging of staging. Name the app with -a APP" in told.err
    assert stand_in.writes() == []
    assert (await repository("ps", "-a", "prod")).out.startswith("=== prod Processes\n")


@pytest.mark.parametrize(
    "url", ["https://deis.localhost/ink.git", "https://deis.localhost:8443/ink", "git@deis.localhost:ink.git"]
)
async def test_a_remote_of_any_form_names_the_app(repository: Deis, stand_in: StandIn, url: str) -> None:
    git(repository, "remote", "add", "origin", url)
    stand_in.app("ink")
    assert (await repository("ps")).out.startswith("=== ink Processes\n")


async def test_without_a_remote_wanted_its_url_is_told_all_the_same(repository: Deis) -> None:
    told = await repository("create", "ink", "--no-remote")
    assert told.out.endswith("created ink\nremote available at ssh://git@deis.localhost:2222/ink.git\n")
    assert (await repository("git:remote", "-a", "ink", "-r", "prod")).out == "Git remote prod added\n"


async def test_where_no_repository_is_a_remote_says_how_to_make_one(deis: Deis) -> None:
    told = await deis("git:remote", "-a", "ink", status=1)
    assert told.err == f"Error: {deis.directory} is in no git repository; `git init` makes one\n"
