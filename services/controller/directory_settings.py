"""What the settings of the platform say of its directory: their names, what each may be, and what they come to."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from libs.keyspace import Sealed
from libs.keyspace.records import PlatformSetting
from libs.store.mirror import Mirror
from libs.vault import SealBroken, Vault
from services.controller.directory import DirectorySettings

ENDPOINT, BIND_PASSWORD = "ldap_endpoint", "ldap_bind_password"
PASSWORD_PLACE = f"platform:{BIND_PASSWORD}"
HIDDEN = "***"
LONGEST, LONGEST_CA = 1024, 256 * 1024
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}|\d+(\.\d+)+")  # RFC 4512, 2.5


@dataclass(frozen=True)
class Text:
    """A setting that is a text; `right` says what it may be. A secret one is sealed, and never shown."""

    fits: Callable[[str], bool]
    right: str
    default: str = ""
    secret: bool = False


def _is_endpoint(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    plain = url.path in {"", "/"} and not (url.query or url.fragment or "@" in url.netloc)
    return url.scheme in {"ldap", "ldaps"} and bool(url.hostname) and port != 0 and plain and _is_line(text)


def _is_line(text: str) -> bool:
    return len(text) <= LONGEST and text.isprintable()


def _is_password(text: str) -> bool:
    return len(text) <= LONGEST and "\0" not in text and text.isprintable() and text != HIDDEN


def _is_ca(text: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError, TypeError):  # the last: of what is not ASCII
        return False
    return len(text) <= LONGEST_CA and context.cert_store_stats()["x509"] > 0


TEXTS: Mapping[str, Text] = {
    ENDPOINT: Text(_is_endpoint, "it must be a URL as ldaps://ldap.example.org or ldap://10.0.0.5:389"),
    "ldap_bind_dn": Text(_is_line, "it must be the name (DN) that searches, as cn=deis,dc=example,dc=org"),
    BIND_PASSWORD: Text(_is_password, "it must be the password of ldap_bind_dn", secret=True),
    "ldap_user_basedn": Text(
        _is_line, "it must be the name (DN) below which users are, as ou=people,dc=example,dc=org"
    ),
    "ldap_user_filter": Text(
        lambda text: _ATTRIBUTE.fullmatch(text) is not None,
        "it must be the attribute that has the user's name, as uid or sAMAccountName",
        default="uid",
    ),
    "ldap_start_tls": Text(
        lambda text: text in {"true", "false"}, "it must be true or false, or null for the default", default="true"
    ),
    "ldap_ca": Text(_is_ca, "it must be certificates in PEM, those of the authorities that the directory's is by"),
}
"""Empty is the default of each that says none: none of it."""


def text_of(settings: Mirror[PlatformSetting], name: str) -> str:
    """What holds now; of a secret, whether there is one. What fits not, written by hand, is not there."""
    setting, text = settings.get(name), TEXTS[name]
    if setting is None or not isinstance(setting.value, str) or not setting.value:
        return text.default
    if text.secret:
        return HIDDEN
    return setting.value if text.fits(setting.value) else text.default


def is_configured(settings: Mirror[PlatformSetting]) -> bool:
    """Whether there is a directory to ask: where it is and where users are is known."""
    return bool(text_of(settings, ENDPOINT) and text_of(settings, "ldap_user_basedn"))


def read_settings(settings: Mirror[PlatformSetting], vault: Vault) -> DirectorySettings:
    """How the directory is asked; raises what opening the sealed password raises."""
    password = ""
    if (setting := settings.get(BIND_PASSWORD)) is not None:
        if not isinstance(setting.value, str):
            raise SealBroken(f"platform/{BIND_PASSWORD} is no sealed text; set it again")
        password = vault.unseal_text(PASSWORD_PLACE, Sealed(setting.value))
    found = {name: text_of(settings, name) for name, text in TEXTS.items() if not text.secret}
    return DirectorySettings(
        endpoint=found[ENDPOINT],
        bind_dn=found["ldap_bind_dn"],
        bind_password=password,
        user_basedn=found["ldap_user_basedn"],
        user_filter=found["ldap_user_filter"],
        start_tls=found["ldap_start_tls"] == "true",
        ca=found["ldap_ca"],
    )
