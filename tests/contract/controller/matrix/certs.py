"""The matrix: certificates. Nobody sees another's, superusers neither."""

from __future__ import annotations

from tests.contract.controller.matrix.row import KNOWN, Row, answered
from tests.support.certificates import make_certificate

CERT = "/v1/certs/{common_name}"
MORE = make_certificate("more.example.org")
THERE = {"common_name": "secure.example.org"}

ROWS = (
    Row("GET", "/v1/certs", KNOWN),
    Row("POST", "/v1/certs", answered(KNOWN, 201), {"certificate": MORE.pem, "key": MORE.key}),
    Row("GET", CERT, (401, 404, 404, 200, 200), where=THERE),
    Row("DELETE", CERT, (401, 404, 404, 204, 204), where=THERE),
)
