"""The matrix: log drains of apps, and of the platform."""

from __future__ import annotations

from tests.contract.controller.matrix.row import ADMIN, SHARED, Row, answered

OF_APP, OF_PLATFORM = "/v1/apps/{id}/drains", "/v1/admin/drains"
OWNED = (401, 403, 403, 200, 200)  # the owner, and superusers
NOBODYS = (401, 403, 404, 404, 404)
MORE = {"url": "syslog://logs.example.org:514", "select": {"process": "web"}}

ROWS = (
    Row("GET", OF_APP, SHARED),
    Row("POST", OF_APP, answered(SHARED, 201), MORE),
    Row("GET", f"{OF_APP}/{{drain}}", SHARED),
    Row("GET", f"{OF_APP}/{{drain}}", NOBODYS, where={"drain": "platform"}),
    Row("DELETE", f"{OF_APP}/{{drain}}", answered(OWNED, 204)),
    Row("GET", OF_PLATFORM, ADMIN),
    Row("POST", OF_PLATFORM, answered(ADMIN, 201), MORE),
    Row("GET", f"{OF_PLATFORM}/{{drain}}", ADMIN),
    Row("DELETE", f"{OF_PLATFORM}/{{drain}}", answered(ADMIN, 204)),
)
