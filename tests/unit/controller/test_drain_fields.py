"""What a request for a drain brings."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.drain_fields import (
    LONGEST_SELECT,
    SELECTS,
    BadUrl,
    NewDrain,
    address,
    read_drain,
    read_url,
)
from services.controller.errors import BadFields
from tests.support.certificates import make_certificate

SHOP, OTHER = make_certificate("shop.example.org"), make_certificate("other.example.org")
TLS = {"url": "syslog+tls://logs.example.com:6514"}
PLAIN = {"url": "syslog://logs.example.com:514"}
IDENTITY: dict[str, Any] = {"client_certificate": SHOP.pem, "client_key": SHOP.key}
ANY_URL = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"(syslog|syslog\+tls|https?)://[!-~]{0,40}", fullmatch=True),
    st.from_regex(r"https?://[a-z0-9%]{1,8}:[ -~]{0,8}@[a-z.\[\]:0-9]{0,12}(/[ -~]{0,9})?", fullmatch=True),
)


def wrong(body: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(BadFields) as refused:
        read_drain(body)
    return refused.value.fields


@pytest.mark.parametrize(
    ("given", "url", "user_info"),
    [
        ("syslog://logs.example.com:514", "syslog://logs.example.com:514", ""),
        (" SysLog+TLS://Logs.Example.com:6514/ ", "syslog+tls://logs.example.com:6514", ""),
        ("syslog://10.1.2.3:514", "syslog://10.1.2.3:514", ""),
        ("syslog://[FE80::0:1]:514", "syslog://[fe80::1]:514", ""),
        ("https://Logs.example.com", "https://logs.example.com", ""),
        ("https://ann:p%40ss@logs.example.com:8443/In?a=B&c", "https://logs.example.com:8443/In?a=B&c", "ann:p%40ss"),
        ("https://t0ken@logs.example.com/", "https://logs.example.com/", "t0ken"),
        ("https://a:b@c@logs.example.com/", "https://logs.example.com/", "a:b@c"),
        ("http://@sink:8080/x", "http://sink:8080/x", ""),
    ],
)
def test_a_url_is_kept_in_one_form_without_its_user_and_password(given: str, url: str, user_info: str) -> None:
    place = read_url(given)
    assert (place.url, place.user_info) == (url, user_info)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("logs.example.com:514", "It must begin with syslog://, syslog+tls://, https:// or"),
        ("papertrail", "It must begin with syslog://, syslog+tls://, https:// or"),
        ("udp://logs.example.com:514", "udp:// is no kind of drain; it must begin with syslog://"),
        ("syslog://", "It names no host; it must look like syslog://logs.example.com:514."),
        ("https:///path", "It names no host; it must look like https://logs.example.com/path."),
        ("syslog://logs.example.com", "It names no port; say it, as in syslog://logs.example.com:514."),
        ("syslog+tls://logs.example.com", "It names no port; say it, as in syslog+tls://logs.example.com:6514."),
        ("https://logs.example.com:0/", "Its port is 0; say it, as in https://logs.example.com:443."),
        ("syslog://logs.example.com:99999", "Its host or port cannot be read; it must look like syslog://logs."),
        ("syslog://[::zz]:514", "Its host or port cannot be read; it must look like syslog://logs."),
        ("syslog://a_b:514", "a_b is neither a host's name nor an address."),
        (
            "syslog://logs.example.com:514/path",
            "syslog:// has a host and a port only; leave out what comes after logs.",
        ),
        ("syslog://logs.example.com:514?a=b", "syslog:// has a host and a port only; leave out what comes after logs."),
        ("syslog://ann:s3cr3t@logs.example.com:514", "syslog:// knows no user and password; leave out what comes"),
        ("https://acme%3Alogs:s3cr3t@logs.example.com", "Its user has a colon, which basic authentication (RFC 7617)"),
        ("https://logs.example.com/#part", "A part after # is never sent; leave it out, or write it as %23."),
        ("https://logs.example.com/a b", "It has characters that a URL has not; write them percent-encoded"),
        ("https://lögs.example.com/", "It has characters that a URL has not; write them percent-encoded"),
        ("https://logs.example.com/\r\nX: y", "It has characters that a URL has not; write them percent-encoded"),
    ],
)
def test_a_url_that_is_no_drains_is_refused_with_what_would_be_right(url: str, said: str) -> None:
    told = wrong({"url": url})
    assert list(told) == ["url"]
    assert told["url"][0].startswith(said)


def refusal(url: str) -> str:
    """Why it is no place; empty where it is one."""
    try:
        read_url(url)
    except BadUrl as bad:
        return str(bad)
    return ""


@given(url=ANY_URL)
def test_whatever_is_given_is_a_place_or_refused_and_no_password_is_told(url: str) -> None:
    if refusal(url):
        secret = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        assert len(secret) < 6 or secret not in refusal(url)
        return
    place = read_url(url)
    parts = urlsplit(place.url)
    assert parts.scheme == place.scheme
    assert parts.hostname
    assert "@" not in parts.netloc
    assert read_url(place.url) == (place.url, "", place.scheme)
    assert address(place.url) == f"{parts.scheme}://{parts.netloc}"


def test_filters_are_the_texts_that_a_reader_of_lines_gives() -> None:
    given: Any = {"process": "web", "release": 3, "grep": "a|b", "level": "warning", "stream": "stderr", "instance": ""}
    assert dict(read_drain({**PLAIN, "select": given}).select) == {
        "process": "web",
        "release": "3",
        "grep": "a|b",
        "level": "warning",
        "stream": "stderr",
    }
    assert dict(read_drain(PLAIN).select) == {}


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ({"since": "10m"}, "since is no filter of a drain, since a drain takes what comes; there are process,"),
        (
            {"colour": "red"},
            "colour is no filter of a drain; there are process, instance, release, stream, grep, level.",
        ),
        ({"release": True}, "release must be a text."),
        ({"grep": ["a"]}, "grep must be a text."),
        ({"grep": "x" * (LONGEST_SELECT + 1)}, "grep has 1025 characters; it may have 1024."),
        ({"grep": "("}, "grep is '('; it must be a pattern of RE2"),
        ({"level": "loud"}, "level is 'loud'; it must be debug, info, warning or error"),
        ({"stream": "x"}, "stream is 'x'; it must be stdout, stderr or platform"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_what_would_be_right(select: dict[str, Any], said: str) -> None:
    (told,) = wrong({**PLAIN, "select": select})["select"]
    assert told.startswith(said)


@pytest.mark.parametrize("name", SELECTS)
def test_every_filter_of_a_drain_is_one_that_readers_have(name: str) -> None:
    value = {"release": "v1", "stream": "stdout", "level": "info"}.get(name, "web")
    assert dict(read_drain({**PLAIN, "select": {name: value}}).select) == {name: value}


def test_a_certificate_its_key_and_an_authority_are_kept_as_pem_and_nothing_else() -> None:
    new = read_drain({**TLS, **IDENTITY, "client_certificate": f"Bag\n{SHOP.pem}", "ca": f"# ours\n{OTHER.pem}"})
    assert (new.client_certificate, new.client_key, new.ca) == (SHOP.pem, SHOP.key, OTHER.pem)
    assert json.loads(new.secret) == {"client_key": SHOP.key}


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"client_certificate": SHOP.pem}, "client_key", "It is missing; client_certificate is of use only with it."),
        ({"client_key": SHOP.key}, "client_certificate", "It is missing; client_key is of use only with it."),
        ({**IDENTITY, "client_key": OTHER.key}, "client_key", "The key does not belong to the certificate"),
        ({**IDENTITY, "client_certificate": "x"}, "client_certificate", "Could not load certificate:"),
        ({"ca": SHOP.key}, "ca", "Could not load certificate:"),
        ({"ca": "x" * 65537}, "ca", "Ensure this field has no more than 65536 characters."),
    ],
)
def test_what_is_no_identity_is_refused_by_field(more: dict[str, str], field: str, said: str) -> None:
    told = wrong({**TLS, **more})
    assert list(told) == [field]
    assert told[field][0].startswith(said)


@pytest.mark.parametrize("url", ["syslog://logs.example.com:514", "http://logs.example.com/"])
def test_certificates_are_for_tls_only(url: str) -> None:
    told = wrong({"url": url, **IDENTITY, "ca": OTHER.pem})
    assert list(told) == ["client_certificate", "ca"]
    assert all(one[0].endswith("has no TLS, which it is for; use syslog+tls:// or https://.") for one in told.values())
    assert read_drain({"url": "https://logs.example.com/", **IDENTITY, "ca": OTHER.pem}).ca == OTHER.pem


def test_all_that_is_wrong_is_told_at_once() -> None:
    body = {"url": "ftp://x", "select": {"level": "loud", "since": "1m"}, "ca": "x", "client_key": "y"}
    told = wrong(body)
    assert told.keys() == {"url", "select", "ca", "client_certificate"}
    assert len(told["select"]) == 2


def test_no_secret_is_in_a_new_drains_own_words() -> None:
    new = read_drain({"url": "https://ann:s3cr3t@logs.example.com/", **IDENTITY})
    assert isinstance(new, NewDrain)
    assert "s3cr3t" not in repr(new)
    assert SHOP.key.splitlines()[1] not in repr(new)
    assert json.loads(new.secret)["user_info"] == "ann:s3cr3t"
