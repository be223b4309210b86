from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.router.actual import Actual, Server
from services.router.configuration import digest, kept, render, render_map
from services.router.files import BadHome, Files
from services.router.settings import RouterSettings
from services.router.structure import Structure

PICTURE = Actual(
    hosts={"shop.test": "shop"},
    slots={"shop": "app0", "late": "app9"},
    servers={
        "app0": {
            "a": Server("10.0.0.1", 5000, "ready", watched=True),
            "b": Server("10.0.0.2", 5000, "drain"),
            "d": Server("10.0.0.4", 5000, "ready", watched=True, up=False),
        },
        "app9": {"c": Server("10.0.0.3", 5000, "ready")},
    },
)


def structure(**values: object) -> Structure:
    return Structure.of(RouterSettings.model_validate({"home": Path("/srv/deis"), "router_pool": 2, **values}))


def test_what_a_fresh_haproxy_begins_with_is_what_was_in_rotation() -> None:
    text = render(structure(), PICTURE)
    assert "server a 10.0.0.1:5000" in text
    assert "server b" not in text
    assert "server d" not in text
    assert "backend app1 from pool" in text
    assert "app2" not in text


def test_a_smaller_pool_forgets_the_back_ends_that_are_no_more() -> None:
    assert kept(PICTURE, structure()).slots == {"shop": "app0"}
    assert set(kept(PICTURE, structure()).servers) == {"app0"}


def test_the_digest_tells_structures_apart_and_no_endpoints() -> None:
    one = structure()
    assert f"description deis-{digest(one)}\n" in render(one, PICTURE)
    assert f"description deis-{digest(one)}\n" in render(one, Actual())
    others: list[dict[str, object]] = [
        {"router_pool": 3},
        {"router_http_port": 81},
        {"router_bind": "127.0.0.1"},
        {"router_trusted": "10.0.0.0/8"},
    ]
    assert len({digest(one), *(digest(structure(**other)) for other in others)}) == 5
    assert digest(one) == digest(replace(one))


def test_a_trusted_balancers_headers_are_kept() -> None:
    assert "del-header X-Forwarded-For\n" in render(structure(), Actual())
    text = render(structure(router_trusted="10.0.0.0/8, fd00::/8"), Actual())
    assert "acl trusted src 10.0.0.0/8 fd00::/8\n" in text
    assert "del-header X-Forwarded-For if !trusted\n" in text


def test_maps_are_sorted_lines() -> None:
    assert render_map({"b.test": "two", "a.test": "one"}) == "a.test one\nb.test two\n"


@pytest.mark.parametrize("bind", ["localhost", "127.0.0.1:80", "*; user root"])
def test_an_address_to_bind_that_is_none_is_named(bind: str) -> None:
    with pytest.raises(ValueError, match="DEIS_ROUTER_BIND"):
        structure(router_bind=bind)


@pytest.mark.parametrize("home", ["/srv/with space", "/srv/a,b", "/srv/a)b", "/srv/" + "x" * 100])
def test_a_home_that_haproxy_could_not_use_is_refused(home: str) -> None:
    with pytest.raises(BadHome):
        Files(Path(home))


def test_nothing_of_a_requests_head_is_logged_since_tickets_are_in_it() -> None:
    text = render(structure(), PICTURE)
    assert "capture" not in text
    assert [line.strip() for line in text.splitlines() if "log-format" in line] == ['log-format "%b %s %ts %Ta"']


def test_an_idle_tail_outlives_the_pings_whatever_is_set_for_apps() -> None:
    _, _, tails = render(structure(router_tunnel_seconds=1), PICTURE).partition("backend loggers from pool\n")
    assert "    timeout tunnel 5m\n" in tails.partition("backend app0")[0]
