"""The settings of the platform that an administrator may change over the API: `platform/<name>`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import structlog
from pydantic import JsonValue

from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Store
from libs.store.shelf import Shelf
from services.controller.errors import BadFields
from services.controller.fields import NULL, REQUIRED, Body, Fields
from services.controller.picture import Picture
from services.controller.probe import refusal

REGISTRATION_MODE = "registration_mode"

KNOWN: Mapping[str, tuple[str, ...]] = {
    REGISTRATION_MODE: ("enabled", "disabled", "admin_only"),
}
"""What each may be: the first is its default, the second what holds when somebody wrote none of them by hand."""

Change = Mapping[str, str | None]
"""Values by setting; None puts the default back."""

log = structlog.get_logger("platform")


def value_of(picture: Picture, name: str) -> str:
    """What holds now."""
    setting, values = picture.platform.mirror.get(name), KNOWN[name]
    if setting is None:
        return values[0]
    return str(setting.value) if setting.value in values else values[1]


def shape(picture: Picture) -> dict[str, JsonValue]:
    """What holds, and the defaults."""
    return {
        "settings": {name: value_of(picture, name) for name in KNOWN},
        "defaults": {name: values[0] for name, values in KNOWN.items()},
    }


def read_change(body: Body) -> Change:
    """The change that a request asks for; raises `BadFields`."""
    if body.get("settings") is None:
        raise BadFields(settings=NULL if "settings" in body else REQUIRED)
    fields = Fields(body)
    change: dict[str, str | None] = {}
    for name, value in fields.mapping("settings").items():
        if (values := KNOWN.get(name)) is None:
            right = f"there is no such setting; it must be one of {', '.join(KNOWN)}"
            fields.wrongly("settings", refusal(name[:64], value, right))
        elif value is None or (isinstance(value, str) and value in values):
            change[name] = value
        else:
            right = f"it must be {', '.join(values[:-1])} or {values[-1]}, or null for the default"
            fields.wrongly("settings", refusal(name, value, right))
    fields.check()
    return change


def _gone(picture: Picture, name: str) -> bool | None:
    return True if picture.platform.mirror.get(name) is None else None


async def write(store: Store, keyspace: Keyspace, picture: Picture, change: Change, by: str) -> None:
    """Write it, each setting by itself; returns when the picture has it."""
    shelf = Shelf(store, keyspace.platform)
    for name, value in change.items():
        if value is None:
            await shelf.delete(name)
            gone = partial(_gone, picture, name)
            await picture.platform.until(gone, limit=2.0)
        else:
            await picture.platform.reach(await shelf.put(PlatformSetting(value=value), name))
        log.info("a setting of the platform was changed", setting=name, value=value or "default", by=by)
