"""The matrix: SSH keys. Nobody sees another's, superusers neither."""

from __future__ import annotations

from tests.contract.controller.matrix.row import KNOWN, Row, answered

KEY = "/v1/keys/{id}"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER more"

ROWS = (
    Row("GET", "/v1/keys", KNOWN),
    Row("POST", "/v1/keys", answered(KNOWN, 201), {"id": "more", "public": ED25519}),
    Row("GET", KEY, (401, 404, 404, 200, 404)),
    Row("DELETE", KEY, (401, 404, 404, 204, 404)),
)
