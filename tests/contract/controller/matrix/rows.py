"""Every row of the matrix."""

from __future__ import annotations

from tests.contract.controller.matrix import accounts, apps, certs, keys, people, releases

ROWS = (*accounts.ROWS, *apps.ROWS, *certs.ROWS, *keys.ROWS, *people.ROWS, *releases.ROWS)
