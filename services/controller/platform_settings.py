"""The settings of the platform that an administrator may change over the API: `platform/<name>`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pydantic import JsonValue

from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Store
from libs.store.shelf import Shelf
from libs.vault import Vault
from services.controller import audit
from services.controller.directory_settings import BIND_PASSWORD, ENDPOINT, HIDDEN, PASSWORD_PLACE, TEXTS, text_of
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


def value_of(picture: Picture, name: str) -> str:
    """What holds now."""
    setting, values = picture.platform.mirror.get(name), KNOWN[name]
    if setting is None:
        return values[0]
    return str(setting.value) if setting.value in values else values[1]


def shape(picture: Picture) -> dict[str, JsonValue]:
    """What holds, and the defaults. Of a secret, whether there is one."""
    chosen = {name: value_of(picture, name) for name in KNOWN}
    texts = {name: text_of(picture.platform.mirror, name) for name in TEXTS}
    firsts = {name: values[0] for name, values in KNOWN.items()}
    return {
        "settings": {**chosen, **texts},
        "defaults": {**firsts, **{name: one.default for name, one in TEXTS.items()}},
    }


def read_change(body: Body, picture: Picture) -> Change:
    """The change that a request asks for; raises `BadFields`."""
    if body.get("settings") is None:
        raise BadFields(settings=NULL if "settings" in body else REQUIRED)
    fields = Fields(body)
    change: dict[str, str | None] = {}
    for name, value in fields.mapping("settings").items():
        if (text := TEXTS.get(name)) is not None:
            if value is None or value == "":
                change[name] = None
            elif isinstance(value, str) and text.fits(value):
                change[name] = value
            else:
                fields.wrongly("settings", refusal(name, HIDDEN if text.secret else value, text.right))
        elif (values := KNOWN.get(name)) is None:
            right = f"there is no such setting; it must be one of {', '.join([*KNOWN, *TEXTS])}"
            fields.wrongly("settings", refusal(name[:64], value, right))
        elif value is None or (isinstance(value, str) and value in values):
            change[name] = value
        else:
            right = f"it must be {', '.join(values[:-1])} or {values[-1]}, or null for the default"
            fields.wrongly("settings", refusal(name, value, right))
    _keep_the_password_home(change, fields, picture)
    fields.check()
    return change


def _keep_the_password_home(change: Change, fields: Fields, picture: Picture) -> None:
    """Refuse to show the stored password to another directory: who sets the one need not know the other."""
    settings, there = picture.platform.mirror, change.get(ENDPOINT)
    elsewhere = there is not None and there != text_of(settings, ENDPOINT)
    if elsewhere and text_of(settings, BIND_PASSWORD) and BIND_PASSWORD not in change:
        fields.wrongly("settings", f"{ENDPOINT}: another directory needs {BIND_PASSWORD} with it, or null for none")


def _gone(picture: Picture, name: str) -> bool | None:
    return True if picture.platform.mirror.get(name) is None else None


def sealed(change: Change, vault: Vault) -> Change:
    """As it is written, with what is secret sealed; raises what sealing raises."""
    password = change.get(BIND_PASSWORD)
    return change if password is None else {**change, BIND_PASSWORD: vault.seal_text(PASSWORD_PLACE, password)}


async def write(store: Store, keyspace: Keyspace, picture: Picture, change: Change, by: str) -> None:
    """Write it, each setting by itself, where the directory is last; returns when the picture has it."""
    shelf = Shelf(store, keyspace.platform)
    for name in sorted(change, key=lambda name: name == ENDPOINT):
        value = change[name]
        if value is None:
            await shelf.delete(name)
            gone = partial(_gone, picture, name)
            await picture.platform.until(gone, limit=2.0)
        else:
            await picture.platform.reach(await shelf.put(PlatformSetting(value=value), name))
        told = (HIDDEN if name == BIND_PASSWORD else str(value)) if value else "default"
        audit.note("setting changed", by=by, setting=name, value=told)
