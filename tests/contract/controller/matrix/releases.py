"""The matrix: what makes releases, and what runs them."""

from __future__ import annotations

from typing import Any

from tests.contract.controller.matrix.row import SHARED, Row, answered

APP = "/v1/apps/{id}"
RELEASES = f"{APP}/releases"
CONTAINERS = f"{APP}/containers"
PROBES: dict[str, Any] = {"healthcheck": {"web": {"readinessProbe": {"tcpSocket": {}}}}}

ROWS = (
    Row("GET", f"{APP}/config", SHARED),
    Row("POST", f"{APP}/config", answered(SHARED, 201), {"values": {"A": "1"}}),
    Row("GET", f"{APP}/healthchecks", SHARED),
    Row("POST", f"{APP}/healthchecks", answered(SHARED, 201), PROBES),
    Row("GET", f"{APP}/builds", SHARED),
    Row("POST", f"{APP}/builds", answered(SHARED, 201), {"image": "acme/hello:2"}),
    Row("GET", f"{APP}/builds/{{uuid}}", SHARED),
    Row("GET", RELEASES, SHARED),
    Row("GET", f"{RELEASES}/{{version}}", SHARED),
    Row("POST", f"{RELEASES}/rollback", answered(SHARED, 201), {"version": 3}),
    Row("POST", f"{RELEASES}/cancel", answered(SHARED, 409)),  # nothing is under way
    Row("POST", f"{RELEASES}/{{version}}/cancel", answered(SHARED, 409)),
    Row("POST", f"{APP}/scale", answered(SHARED, 204), {"web": 2}),
    Row("POST", f"{APP}/run", SHARED, {"command": "true"}),
    Row("POST", f"{APP}/run", answered(SHARED, 400), {"command": " "}),
    Row("GET", CONTAINERS, SHARED),
    Row("GET", f"{CONTAINERS}/{{type}}", SHARED),
    Row("GET", f"{CONTAINERS}/{{type}}/{{num}}", SHARED),
    Row("POST", f"{CONTAINERS}/restart", SHARED),
    Row("POST", f"{CONTAINERS}/{{type}}/restart", SHARED),
    Row("POST", f"{CONTAINERS}/{{type}}/{{num}}/restart", SHARED),
)
