"""A release on its way, as the controller tells it."""

from __future__ import annotations

from typing import Any

from tests.contract.client.stand_in import DATE

PATH = "GET /v1/apps/paper/releases/v2"
ASKED = "2026-01-02T03:04:05.000000Z"


def at(second: int) -> str:
    return f"2026-01-02T03:04:{5 + second:02}.250000Z"


def release(phase: str, ready: int = 0, **fields: Any) -> dict[str, Any]:
    """v2 with two instances on their way, so many of them ready."""
    instances: list[dict[str, Any]] = [
        {
            "id": f"i{number}",
            "title": f"web.{number}",
            "release": 2,
            "node": "n1",
            "planned": at(0),
            "started": at(1),
            "ready": at(2) if number <= ready else None,
            "routers": {},
        }
        for number in (1, 2)
    ]
    names = {"version": 2, "app": "paper", "created": DATE, "summary": "ada deployed it", "asked": ASKED}
    return {**names, "phase": phase, "waiting": "", "instances": instances, "evidence": [], **fields}
