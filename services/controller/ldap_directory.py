"""A directory over LDAP (RFC 4511, 4513): finds a person's entry and binds as it. ldap3 blocks, so it has threads."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.core.tls import Tls
from ldap3.utils.conv import escape_filter_chars

from services.controller.directory import DirectorySettings, DirectoryUnavailable, Person

AT_ONCE = 4  # threads
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
PATIENCE = 15.0  # seconds for all of a check

SUCCESS, SIZE_LIMIT_EXCEEDED = 0, 4  # RFC 4511, appendix A
REFUSALS = {19, 32, 48, 49, 53}  # what servers say of wrong passwords, and of accounts that are locked or without one
GIVEN_NAME, SURNAME, MAIL = "givenName", "sn", "mail"


class _VerifiedTls(Tls):  # type: ignore[misc]
    """TLS by the standard library's own rules: the chain and the server's name are verified in the handshake."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Put TLS around the connection's socket."""
        del do_handshake  # always: nothing is sent to a server that was not verified
        connection.socket.settimeout(ANSWER_SECONDS)
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


@dataclass(frozen=True)
class _Entry:
    dn: str
    person: Person


class LdapDirectory:
    """Asks one server. Each check is two connections: one searches, one is the person's. Referrals are not followed."""

    def __init__(self, settings: DirectorySettings) -> None:
        self._settings = settings
        self._url = urlsplit(settings.endpoint)
        self._tls = _VerifiedTls(ssl.create_default_context(cadata=settings.ca or None))
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ldap")

    async def check(self, username: str, password: str) -> Person | None:
        """Whose name and password these are; raises `DirectoryUnavailable`.

        A bind with an empty password succeeds at many servers, as nobody (RFC 4513, 5.1.2): it is never tried.
        """
        try:
            secret = password.encode()
        except UnicodeEncodeError:
            return None
        if not username or not secret or b"\0" in secret:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._check, username, secret)
        except TimeoutError as error:
            raise DirectoryUnavailable(f"{self._settings.endpoint} took longer than {PATIENCE:g} s") from error

    def _check(self, username: str, secret: bytes) -> Person | None:
        try:
            entry = self._find(username)
            return entry.person if entry is not None and self._is_password_of(entry.dn, secret) else None
        except (LDAPException, OSError, ValueError) as error:
            raise DirectoryUnavailable(f"{self._settings.endpoint}: {error}") from error

    def _find(self, username: str) -> _Entry | None:
        """The only entry of this name. Its own writing of the name counts: a server takes much for the same."""
        settings = self._settings
        attribute = settings.user_filter
        with self._connected(settings.bind_dn, settings.bind_password.encode()) as connection:
            connection.bind(read_server_info=False)
            self._require(connection, "the bind of ldap_bind_dn")
            connection.search(
                settings.user_basedn,
                f"({attribute}={escape_filter_chars(username)})",
                search_scope=ldap3.SUBTREE,
                attributes=[attribute, GIVEN_NAME, SURNAME, MAIL],
                size_limit=2,
                time_limit=int(ANSWER_SECONDS),
            )
            if connection.result["result"] == SIZE_LIMIT_EXCEEDED:
                return None
            self._require(connection, "the search below ldap_user_basedn")
            entries = [one for one in connection.response or () if one["type"] == "searchResEntry" and one["dn"]]
        if len(entries) != 1:
            return None
        values = {name.lower(): _texts(raw) for name, raw in entries[0]["raw_attributes"].items()}
        if username.lower() not in {value.lower() for value in values.get(attribute.lower(), [])}:
            return None
        first, last, mail = (next(iter(values.get(name.lower(), [])), "") for name in (GIVEN_NAME, SURNAME, MAIL))
        return _Entry(entries[0]["dn"], Person(username.lower(), first_name=first, last_name=last, email=mail))

    def _is_password_of(self, dn: str, secret: bytes) -> bool:
        with self._connected(dn, secret) as connection:
            connection.bind(read_server_info=False)
            if connection.result["result"] in REFUSALS:
                return False
            self._require(connection, "the bind of a user")
            return True

    @contextmanager
    def _connected(self, dn: str, secret: bytes) -> Iterator[Any]:
        """An open connection, with TLS where that is wanted, not bound yet."""
        encrypted = self._url.scheme == "ldaps"
        server = ldap3.Server(
            self._url.hostname,
            port=self._url.port or (636 if encrypted else 389),
            use_ssl=encrypted,
            tls=self._tls,
            get_info=ldap3.NONE,
            connect_timeout=CONNECT_SECONDS,
        )
        connection = ldap3.Connection(
            server,
            user=dn or None,
            password=secret if dn else None,
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            auto_bind=ldap3.AUTO_BIND_NONE,
            auto_referrals=False,
            check_names=False,
        )
        try:
            connection.open(read_server_info=False)
            connection.socket.settimeout(ANSWER_SECONDS)
            if not encrypted and self._settings.start_tls and not connection.start_tls(read_server_info=False):
                raise DirectoryUnavailable(f"{self._settings.endpoint} does not begin TLS (StartTLS)")
            yield connection
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()
            if connection.socket is not None:
                connection.socket.close()

    def _require(self, connection: Any, what: str) -> None:
        result = connection.result
        if result["result"] != SUCCESS:
            said = f"{result['description']} {result['message']}".strip()
            raise DirectoryUnavailable(f"{self._settings.endpoint} refuses {what}: {said}")


def _texts(raw: list[bytes]) -> list[str]:
    return [value.decode("utf-8", "replace") for value in raw]


def open_directory(settings: DirectorySettings) -> LdapDirectory:
    """The directory of these settings."""
    return LdapDirectory(settings)
