"""What the directory's settings may be."""

from __future__ import annotations

import pytest

from libs.vault.fields import SEALED_SETTINGS
from services.controller.directory import DirectorySettings
from services.controller.directory_settings import TEXTS
from tests.support.certificates import make_certificate

CA = make_certificate("ca").pem


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("ldap_endpoint", "ldaps://ldap.example.org", True),
        ("ldap_endpoint", "ldap://10.0.0.5:389/", True),
        ("ldap_endpoint", "ldap://[fd00::1]:3389", True),
        ("ldap_endpoint", "http://ldap.example.org", False),
        ("ldap_endpoint", "ldap.example.org", False),
        ("ldap_endpoint", "ldap://", False),
        ("ldap_endpoint", "ldap://host:0", False),
        ("ldap_endpoint", "ldap://host:99999", False),
        ("ldap_endpoint", "ldap://[::1", False),
        ("ldap_endpoint", "ldap://user:secret@host", False),
        ("ldap_endpoint", "ldap://host/dc=example", False),
        ("ldap_endpoint", "ldap://host?uid", False),
        ("ldap_endpoint", "ldap://ho\nst", False),
        ("ldap_bind_dn", "cn=deis,dc=example,dc=org", True),
        ("ldap_bind_dn", "cn=de\0is", False),
        ("ldap_bind_password", "s3cr3t (any)", True),
        ("ldap_bind_password", "***", False),  # as it is shown, sent back
        ("ldap_bind_password", "a\0b", False),
        ("ldap_bind_password", "x" * 1025, False),
        ("ldap_user_filter", "sAMAccountName", True),
        ("ldap_user_filter", "0.9.2342.19200300.100.1.1", True),
        ("ldap_user_filter", "uid=*)(cn", False),
        ("ldap_user_filter", "u id", False),
        ("ldap_user_filter", "uid\n", False),
        ("ldap_start_tls", "true", True),
        ("ldap_start_tls", "yes", False),
        ("ldap_ca", CA, True),
        ("ldap_ca", CA + CA, True),
        ("ldap_ca", "no certificate", False),
        ("ldap_ca", "ä", False),
        ("ldap_ca", CA[:200], False),
    ],
)
def test_a_value_fits_or_not(name: str, value: str, fits: bool) -> None:
    assert TEXTS[name].fits(value) is fits


def test_what_is_secret_is_sealed() -> None:
    assert {name for name, text in TEXTS.items() if text.secret} <= SEALED_SETTINGS


def test_the_password_is_not_shown_where_the_settings_are() -> None:
    settings = DirectorySettings("ldap://a", "cn=a", "s3cr3t", "dc=a", "uid", start_tls=True, ca="")
    assert "s3cr3t" not in repr(settings)
