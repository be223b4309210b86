"""The matrix: the API's root, and accounts."""

from __future__ import annotations

from tests.contract.controller.matrix.row import ALL, KNOWN, Row, answered
from tests.support.cast import PASSWORD

ROWS = (
    Row("GET", "/healthz", ALL),
    Row("GET", "/v1", KNOWN),
    Row("POST", "/v1/auth/register", answered(ALL, 201), {"username": "new", "password": "x"}),
    Row("POST", "/v1/auth/login/", ALL, {"username": "owner", "password": PASSWORD}),
    Row("GET", "/v1/auth/whoami", KNOWN),
    Row("POST", "/v1/auth/passwd", KNOWN, {"password": PASSWORD, "new_password": "x"}),
    Row("POST", "/v1/auth/passwd", (401, 400, 400, 400, 400), {"password": "guessed", "new_password": "x"}),
    Row("POST", "/v1/auth/passwd", (401, 403, 403, 400, 200), {"username": "owner", "new_password": "x"}),
)
