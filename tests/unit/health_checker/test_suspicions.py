from __future__ import annotations

from datetime import UTC, datetime, timedelta

from libs.keyspace.records import Router, RouterView
from services.health_checker.suspicions import suspicions

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def router(**views: RouterView) -> Router:
    return Router(node="n1", instances=views, applied=NOON)


def suspect(seconds: float) -> RouterView:
    return RouterView(state="suspect", since=NOON + timedelta(seconds=seconds), reason="connection refused")


def test_the_latest_suspicion_of_any_router_stands_for_all() -> None:
    routers = [router(a1=suspect(1), b1=suspect(5)), router(a1=suspect(3), b1=suspect(2)), router()]
    assert suspicions(routers) == {"a1": NOON + timedelta(seconds=3), "b1": NOON + timedelta(seconds=5)}


def test_what_is_in_rotation_draining_or_gone_is_not_suspected() -> None:
    views = {
        "a1": RouterView(state="in_rotation"),
        "b1": RouterView(state="draining", in_flight=2),
        "c1": RouterView(state="gone"),
        "d1": RouterView(state="suspect"),  # since when is not known, so nothing could answer it
    }
    assert suspicions([router(**views)]) == {}
    assert suspicions([]) == {}
