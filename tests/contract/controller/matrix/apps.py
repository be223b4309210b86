"""The matrix: apps, their settings, domains, logs and events."""

from __future__ import annotations

from tests.contract.controller.matrix.row import KNOWN, SHARED, Row, answered

OWNED = (401, 403, 403, 200, 200)  # the owner, and superusers
APP = "/v1/apps/{id}"

ROWS = (
    Row("GET", "/v1/apps", KNOWN),
    Row("POST", "/v1/apps", answered(KNOWN, 201), {"id": "new"}),
    Row("GET", APP, SHARED),
    Row("GET", APP, (401, 404, 404, 404, 404), where={"id": "nope"}),
    Row("POST", APP, OWNED, {"owner": "stranger"}),
    Row("POST", APP, SHARED, {}),
    Row("DELETE", APP, answered(OWNED, 204)),
    Row("GET", f"{APP}/settings", SHARED),
    Row("POST", f"{APP}/settings", answered(SHARED, 201), {"settings": {"parallel": 2}}),
    Row("GET", f"{APP}/domains", SHARED),
    Row("POST", f"{APP}/domains", answered(SHARED, 201), {"domain": "more.example.org"}),
    Row("DELETE", f"{APP}/domains/{{domain}}", answered(OWNED, 204)),
    Row("GET", f"{APP}/logs", answered(SHARED, 500)),  # no logger is there
    Row("POST", f"{APP}/logs/tickets", answered(SHARED, 503)),
    Row("GET", f"{APP}/events", SHARED),
)
