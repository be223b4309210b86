"""The names of apps: DNS labels that the platform does not claim for itself."""

from __future__ import annotations

import re
import secrets

from services.controller.fields import Fields
from services.controller.words import ADJECTIVES, NOUNS

RESERVED = frozenset({"deis", "deis-store"})
LONGEST = 63  # RFC 1035 §2.3.4: octets of a label

_CHARACTERS = re.compile(r"[a-z0-9-]+")
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")


def wrong_with_app_id(app_id: str) -> list[str]:
    """What is wrong with an app's id, in v1's words; nothing when it is good.

    v1 also took 64 characters and hyphens at the ends, which no host name can have (RFC 1123 §2.1).
    """
    said = []
    if not _CHARACTERS.fullmatch(app_id):
        said.append("App IDs can only contain [a-z0-9-].")
        if not _SLUG.fullmatch(app_id):
            said.append("Enter a valid 'slug' consisting of letters, numbers, underscores or hyphens.")
    elif app_id.startswith("-") or app_id.endswith("-"):
        said.append("App IDs cannot begin or end with a hyphen.")
    elif app_id in RESERVED:
        said.append(f"{app_id} is a reserved name.")
    if len(app_id) > LONGEST:
        said.append(f"Ensure this field has no more than {LONGEST} characters.")
    return said


def read_app_id(fields: Fields) -> str:
    """The field `id` of a request, checked; empty when none was given."""
    app_id = fields.text("id", required=False)
    if not app_id or "id" in fields.wrong:
        return ""
    for message in wrong_with_app_id(app_id):
        fields.wrongly("id", message)
    return app_id


def random_app_id() -> str:
    """An id for an app that was given none, as `tender-hardtack`."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}"
