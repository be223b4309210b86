"""Every row of the matrix."""

from __future__ import annotations

from tests.contract.controller.matrix import accounts, apps, certs, drains, hooks, keys, people, releases

ROWS = (
    *accounts.ROWS,
    *apps.ROWS,
    *certs.ROWS,
    *drains.ROWS,
    *hooks.ROWS,
    *keys.ROWS,
    *people.ROWS,
    *releases.ROWS,
)
