"""What a request for a drain brings: where to, which lines, and what it takes to be let in there. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from libs.keyspace.document import now
from libs.loglines.selection import BadSelection, parse
from services.controller.certificates import (
    LONGEST_KEY,
    BadCertificate,
    BadPrivateKey,
    Certificate,
    read_certificate,
    read_private_key,
)
from services.controller.fields import Body, Fields
from services.controller.hostnames import is_hostname

SYSLOG = ("syslog", "syslog+tls")
TLS = ("syslog+tls", "https")
SCHEMES = (*SYSLOG, "https", "http")
BEGINS = "must begin with syslog://, syslog+tls://, https:// or http://"
SELECTS = ("process", "instance", "release", "stream", "grep", "level")
LONGEST_URL = 2048  # characters, as most receivers bear
LONGEST_SELECT = 1024  # of a value
LONGEST_PEM = 64 * 1024  # every logger holds every drain


class BadUrl(ValueError):
    """No place that lines could be sent to. Its words never have the URL's user and password."""


class Place(NamedTuple):
    """Where lines go: `url` without the `user_info`, which is as the URL had it, percent-encoded."""

    url: str
    user_info: str
    scheme: str


@dataclass(frozen=True)
class NewDrain:
    """A drain as it was asked for."""

    place: Place = field(repr=False)
    select: Mapping[str, str]
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)
    ca: str = ""

    @property
    def secret(self) -> str:
        """What is to be sealed of it; empty: nothing."""
        secrets = {"user_info": self.place.user_info, "client_key": self.client_key}
        held = {name: text for name, text in secrets.items() if text}
        return json.dumps(held, ensure_ascii=False) if held else ""


def read_drain(body: Body) -> NewDrain:
    """The drain that a request asks for; raises `BadFields`, which never quotes a password or a key."""
    fields = Fields(body)
    url = fields.text("url", longest=LONGEST_URL)
    select = _read_select(fields)
    pem = fields.text("client_certificate", required=False, blank=True, longest=LONGEST_PEM)
    key = fields.text("client_key", required=False, blank=True, longest=LONGEST_KEY)
    ca = fields.text("ca", required=False, blank=True, longest=LONGEST_PEM)
    place = None
    if "url" not in fields.wrong:
        try:
            place = read_url(url)
        except BadUrl as bad:
            fields.wrongly("url", str(bad))
    if place is not None and place.scheme not in TLS:
        for name in (name for name, text in (("client_certificate", pem), ("ca", ca)) if text.strip()):
            fields.wrongly(name, f"{place.scheme}:// has no TLS, which it is for; use {' or '.join(_named(TLS))}.")
    certificate, key = _read_identity(fields, pem, key)
    authority = _read_certificate(fields, "ca", ca)
    fields.check()
    assert place is not None
    return NewDrain(
        place,
        select,
        client_certificate=certificate.pem if certificate else "",
        client_key=key,
        ca=authority.pem if authority else "",
    )


def read_url(text: str) -> Place:
    """The place that a URL names; raises `BadUrl`."""
    text = text.strip()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise BadUrl("It has characters that a URL has not; write them percent-encoded, and a host's name with xn--.")
    given, found, _ = text.partition("://")
    scheme = given.lower()
    if not found or scheme not in SCHEMES:
        raise BadUrl(
            f"{given}:// is no kind of drain; it {BEGINS}." if found and _is_scheme(given) else f"It {BEGINS}."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"Its host or port cannot be read; it must look like {_example(scheme)}.") from error
    host = _host(parts, scheme)
    if port == 0 or (port is None and scheme in SYSLOG):
        said = "Its port is 0" if port == 0 else "It names no port"
        raise BadUrl(f"{said}; say it, as in {scheme}://{host}:{_PORTS[scheme]}.")
    user_info = parts.netloc.rpartition("@")[0]
    if "#" in text:
        raise BadUrl("A part after # is never sent; leave it out, or write it as %23.")
    if scheme in SYSLOG:
        if parts.path not in {"", "/"} or parts.query or "?" in text:
            raise BadUrl(f"{scheme}:// has a host and a port only; leave out what comes after {host}:{port}.")
        if user_info:
            raise BadUrl(f"{scheme}:// knows no user and password; leave out what comes before {host}.")
        return Place(f"{scheme}://{host}:{port}", "", scheme)
    if ":" in unquote(parts.username or ""):
        raise BadUrl("Its user has a colon, which basic authentication (RFC 7617) cannot carry; name another user.")
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    return Place(f"{scheme}://{host}{f':{port}' if port else ''}{rest}", user_info, scheme)


def address(url: str) -> str:
    """A drain's scheme, host and port: for what is told of it, as receivers have tokens in their paths and queries."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


_PORTS = {"syslog": 514, "syslog+tls": 6514, "https": 443, "http": 80}


def _is_scheme(text: str) -> bool:
    """Whether it looks like one, and not like a part of something secret."""
    return 0 < len(text) <= 12 and all(letter.isalnum() or letter in "+.-" for letter in text)


def _example(scheme: str) -> str:
    return f"{scheme}://logs.example.com{f':{_PORTS[scheme]}' if scheme in SYSLOG else '/path'}"


def _named(schemes: tuple[str, ...]) -> list[str]:
    return [f"{scheme}://" for scheme in schemes]


def _host(parts: SplitResult, scheme: str) -> str:
    """The host, in lower case, an IPv6 address in brackets; raises `BadUrl`."""
    host = parts.hostname or ""
    if not host:
        raise BadUrl(f"It names no host; it must look like {_example(scheme)}.")
    if is_hostname(host.removesuffix(".")):
        return host
    try:
        return f"[{ipaddress.IPv6Address(host)}]"
    except ValueError as error:
        raise BadUrl(f"{host[:100]} is neither a host's name nor an address.") from error


def _read_select(fields: Fields) -> dict[str, str]:
    """The filters, as a reader of lines gives them."""
    select: dict[str, str] = {}
    for name, value in fields.mapping("select").items():
        if name not in SELECTS:
            why = ", since a drain takes what comes" if name in {"since", "until"} else ""
            fields.wrongly("select", f"{name[:64]} is no filter of a drain{why}; there are {', '.join(SELECTS)}.")
        elif isinstance(value, bool) or not isinstance(value, str | int):
            fields.wrongly("select", f"{name} must be a text.")
        elif len(str(value)) > LONGEST_SELECT:
            fields.wrongly("select", f"{name} has {len(str(value))} characters; it may have {LONGEST_SELECT}.")
        elif value != "":
            select[name] = str(value)
    try:
        parse(select, now=now(), strict=True)
    except BadSelection as bad:
        fields.wrongly("select", str(bad))
    return select


def _read_identity(fields: Fields, pem: str, key: str) -> tuple[Certificate | None, str]:
    """The certificate that a logger shows, and its key: both or neither."""
    certificate = _read_certificate(fields, "client_certificate", pem)
    if bool(pem.strip()) != bool(key.strip()):
        lacks, there = ("client_key", "client_certificate") if pem.strip() else ("client_certificate", "client_key")
        fields.wrongly(lacks, f"It is missing; {there} is of use only with it.")
    if certificate is None or not key.strip():
        return certificate, ""
    try:
        return certificate, read_private_key(key, certificate)
    except BadPrivateKey as bad:
        fields.wrongly("client_key", str(bad))
        return certificate, ""


def _read_certificate(fields: Fields, name: str, pem: str) -> Certificate | None:
    if not pem.strip():
        return None
    try:
        return read_certificate(pem)
    except BadCertificate as bad:
        fields.wrongly(name, " ".join(bad.args))
        return None
