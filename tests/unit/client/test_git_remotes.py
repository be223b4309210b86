from __future__ import annotations

import pytest

from libs.client.errors import BadArgument
from libs.client.git import Remote, parse_remotes, remote_app, remote_host

VERBOSE = """\
deis\tssh://git@deis.example.com:2222/fancy-paper.git (fetch)
deis\tssh://git@deis.example.com:2222/fancy-paper.git (push)
origin\tgit@github.com:ada/paper.git (fetch)
origin\tgit@github.com:ada/paper.git (push)
"""


def test_each_remote_is_read_once() -> None:
    assert parse_remotes(VERBOSE) == [
        Remote("deis", "ssh://git@deis.example.com:2222/fancy-paper.git"),
        Remote("origin", "git@github.com:ada/paper.git"),
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ssh://git@deis.example.com:2222/a.git", "deis.example.com"),
        ("git@Deis.Example.com:a.git", "deis.example.com"),
        ("https://deis.example.com/a", "deis.example.com"),
        ("ssh://git@[::1]:2222/a.git", "::1"),
        ("ssh://git@[::1:2222/a.git", ""),
        ("/srv/git/a.git", ""),
        ("../deis.example.com/a.git", ""),
    ],
)
def test_a_remotes_host_is_found_in_every_form_of_url(url: str, host: str) -> None:
    assert remote_host(url) == host


def test_the_app_is_that_of_the_remote_on_the_controllers_host() -> None:
    remotes = parse_remotes(VERBOSE)
    assert remote_app(remotes, "deis.example.com") == "fancy-paper"
    assert remote_app(remotes, "DEIS.example.com") == "fancy-paper"
    assert remote_app(remotes, "github.com") == "paper"
    assert remote_app(remotes, "example.com") is None
    assert remote_app(remotes, "") is None


@pytest.mark.parametrize("url", ["git@h:app.git", "ssh://h/app", "ssh://h:2222/x/app.git", "ssh://h/app.git/"])
def test_the_apps_name_is_the_last_part_of_the_path(url: str) -> None:
    assert remote_app([Remote("deis", url)], "h") == "app"


def remotes(**urls: str) -> list[Remote]:
    return [Remote(name, url) for name, url in sorted(urls.items())]


def test_of_several_apps_remotes_the_one_called_deis_is_meant() -> None:
    found = remotes(canary="ssh://git@h:2222/canary.git", deis="https://h/paper.git", prod="git@h:prod.git")
    assert remote_app(found, "h") == "paper"


def test_several_apps_remotes_of_which_none_is_called_deis_are_not_guessed_from() -> None:
    with pytest.raises(BadArgument, match=r"several: prod of paper, staging of ink\. Name the app with -a"):
        remote_app(remotes(staging="ssh://git@h:2222/ink.git", prod="ssh://git@h:2222/paper.git"), "h")


def test_several_remotes_of_one_app_or_of_other_hosts_are_no_doubt() -> None:
    found = remotes(a="ssh://git@h:2222/paper.git", b="https://h/paper", origin="https://elsewhere/ink.git")
    assert remote_app(found, "h") == "paper"
    assert remote_app(remotes(a="ssh://git@h:2222/", b="https://h/paper"), "h") == "paper"
