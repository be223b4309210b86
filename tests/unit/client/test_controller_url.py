from __future__ import annotations

import pytest

from libs.client.api.controller import app_url, controller_host, controller_url, git_url
from libs.client.api.errors import InvalidController
from libs.client.api.resolver import is_loopback_name


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("deis.example.com", "http://deis.example.com"),
        ("http://deis.example.com/", "http://deis.example.com"),
        ("HTTPS://Deis.Example.com", "https://deis.example.com"),
        (" http://deis.localhost:8080 ", "http://deis.localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_a_controllers_url_is_a_scheme_a_host_and_a_port(text: str, url: str) -> None:
    assert controller_url(text) == url
    assert controller_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://x",
        "http://x:port",
        "http://x:99999",
        "http://x/v1",
        "http://a b",
        "http://u:p@x",
        "http://x?y",
    ],
)
def test_what_is_no_controllers_url_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidController, match=r"http://deis\.example\.com"):
        controller_url(text)


def test_git_is_served_at_port_2222_of_the_controllers_host() -> None:
    assert git_url("http://deis.example.com:8080", "paper") == "ssh://git@deis.example.com:2222/paper.git"
    assert git_url("http://[::1]:8080", "paper") == "ssh://git@[::1]:2222/paper.git"
    assert controller_host("http://[::1]:8080") == "::1"


@pytest.mark.parametrize(
    ("controller", "host", "url"),
    [
        ("http://deis.localhost:8080", "paper.localhost", "http://paper.localhost:8080"),
        ("https://deis.example.com", "paper.example.com", "https://paper.example.com"),
        ("http://deis.example.com:80", "paper.example.com", "http://paper.example.com"),
        ("http://deis.localhost:8080", "paper.localhost:9090", "http://paper.localhost:9090"),
        ("http://deis.localhost:8080", "https://paper.example.com", "https://paper.example.com"),
    ],
)
def test_an_app_answers_at_the_routers_port_as_the_controller_does(controller: str, host: str, url: str) -> None:
    assert app_url(controller, host) == url


@pytest.mark.parametrize("name", ["localhost", "deis.localhost", "a.b.LOCALHOST", "deis.localhost."])
def test_names_under_localhost_are_the_loopbacks(name: str) -> None:
    assert is_loopback_name(name)


@pytest.mark.parametrize("name", ["localhost.example.com", "notlocalhost", "example.com", "", "localhost.localdomain"])
def test_other_names_are_the_systems(name: str) -> None:
    assert not is_loopback_name(name)
