"""The matrix: tokens, cancelled accounts, users, superusers, the platform's settings, and collaborators."""

from __future__ import annotations

from tests.contract.controller.matrix.row import ADMIN, KNOWN, SHARED, Row, answered

TOKENS = "/v1/auth/tokens"
PERMS = "/v1/apps/{id}/perms"
OWNED = (401, 403, 403, 200, 200)  # the owner, and superusers
THE_OWNERS = {"id": "ci0"}

ROWS = (
    Row("GET", TOKENS, KNOWN),
    Row("POST", f"{TOKENS}/", KNOWN, {}),
    Row("POST", f"{TOKENS}/", answered(KNOWN, 201), {"name": "mine"}),
    Row("POST", f"{TOKENS}/", ADMIN, {"username": "owner"}),
    Row("POST", f"{TOKENS}/", ADMIN, {"all": False}),
    Row("DELETE", f"{TOKENS}/{{id}}", (401, 404, 404, 204, 204), where=THE_OWNERS),
    Row("DELETE", f"{TOKENS}/{{id}}", answered(KNOWN, 204), where={"id": "current"}),
    Row("DELETE", "/v1/auth/cancel", (401, 204, 204, 409, 409)),
    Row("DELETE", "/v1/auth/cancel", (401, 403, 204, 403, 204), {"username": "collaborator"}),
    Row("GET", "/v1/users", ADMIN),
    Row("GET", "/v1/admin/perms", ADMIN),
    Row("POST", "/v1/admin/perms", answered(ADMIN, 201), {"username": "stranger"}),
    Row("DELETE", "/v1/admin/perms/{username}", answered(ADMIN, 204), where={"username": "stranger"}),
    Row("GET", "/v1/admin/settings", ADMIN),
    Row("POST", "/v1/admin/settings", answered(ADMIN, 201), {"settings": {"registration_mode": "disabled"}}),
    Row("GET", PERMS, SHARED),
    Row("POST", PERMS, answered(OWNED, 201), {"username": "stranger"}),
    Row("DELETE", f"{PERMS}/{{username}}", (401, 403, 204, 204, 204), where={"username": "collaborator"}),
    Row("DELETE", f"{PERMS}/{{username}}", (401, 403, 403, 403, 403), where={"username": "stranger"}),
    Row("DELETE", f"{PERMS}/{{username}}", (401, 403, 403, 404, 404), where={"username": "nobody"}),
)
