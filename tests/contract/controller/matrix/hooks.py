"""The matrix: the builder's hooks. No user's token opens them."""

from __future__ import annotations

from tests.contract.controller.matrix.row import NOBODY, Row

PUSHED = {"receive_user": "owner", "receive_repo": "hello"}

ROWS = (
    Row("POST", "/v1/hooks/push", NOBODY, PUSHED),
    Row("POST", "/v1/hooks/config", NOBODY, PUSHED),
    Row("POST", "/v1/hooks/build", NOBODY, {**PUSHED, "image": "acme/hello:2"}),
)
