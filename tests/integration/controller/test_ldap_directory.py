"""The directory over LDAP: who is found, whose password it is, and what is no answer; on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.controller import ldap_directory
from services.controller.directory import DirectorySettings, DirectoryUnavailable, Person
from services.controller.ldap_directory import LdapDirectory
from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.slapd import PEOPLE, SEARCHER, SEARCHERS_PASSWORD, Slapd, running_slapd

ANN = Person("ann", "Ann", "Example", "ann@example.org")
RIGHT = "ann's (pass)*word\\"


@pytest.fixture
async def slapd(tmp_path: Path) -> AsyncIterator[Slapd]:
    async with running_slapd(tmp_path / "slapd") as running:
        yield running


@pytest.fixture
def settings(slapd: Slapd) -> DirectorySettings:
    return DirectorySettings(
        endpoint=slapd.encrypted,
        bind_dn=SEARCHER,
        bind_password=SEARCHERS_PASSWORD,
        user_basedn=PEOPLE,
        user_filter="uid",
        start_tls=True,
        ca=slapd.ca,
    )


async def test_the_right_password_tells_who_it_is(settings: DirectorySettings) -> None:
    directory = LdapDirectory(settings)
    assert await directory.check("ann", RIGHT) == ANN
    assert await directory.check("ANN", RIGHT) == ANN
    assert await directory.check("zoe", "Zoë") == Person("zoe", "", "Smith", "none")


async def test_nothing_else_does(settings: DirectorySettings) -> None:
    directory = LdapDirectory(settings)
    for username, password in [
        ("ann", "wrong"),
        ("ann", RIGHT + " "),
        ("ann", "\N{SOFT HYPHEN}"),  # which preparation by SASL's rules makes empty
        ("ann", "\ud800"),
        ("ann", "a\0"),
        ("nobody", RIGHT),
        ("outside", "outside"),
        ("twin", "same"),
        ("open", "x"),
        ("", RIGHT),
        (" ann ", RIGHT),  # which the server takes for the same
    ]:
        assert await directory.check(username, password) is None, (username, password)


async def test_an_empty_password_is_never_tried(settings: DirectorySettings) -> None:
    """This server lets anybody bind with one."""
    directory = LdapDirectory(settings)
    assert directory._is_password_of(f"uid=ann,{PEOPLE}", b"x") is False
    assert await directory.check("ann", "") is None
    with pytest.raises(DirectoryUnavailable, match="password is mandatory"):
        await LdapDirectory(replace(settings, bind_password="")).check("ann", RIGHT)


@pytest.mark.parametrize(
    "username", ["*", "a*", "ann)(uid=*", "*)(objectClass=*", "ann)(|(uid=*", "ann\\2a", "ann\0", "(&)", "ann)(!(uid=x"]
)
async def test_a_name_is_a_value_and_no_filter(settings: DirectorySettings, username: str) -> None:
    assert await LdapDirectory(settings).check(username, RIGHT) is None


async def test_it_searches_as_nobody_where_no_name_is_given(settings: DirectorySettings) -> None:
    assert await LdapDirectory(replace(settings, bind_dn="", bind_password="")).check("ann", RIGHT) == ANN


async def test_tls_begins_on_the_plain_port_too(settings: DirectorySettings, slapd: Slapd) -> None:
    assert await LdapDirectory(replace(settings, endpoint=slapd.plain)).check("ann", RIGHT) == ANN
    unencrypted = replace(settings, endpoint=slapd.plain, start_tls=False, ca="")
    assert await LdapDirectory(unencrypted).check("ann", RIGHT) == ANN


async def test_a_server_that_is_not_verified_is_told_no_password(settings: DirectorySettings, slapd: Slapd) -> None:
    by_address = settings.endpoint.replace("localhost", "127.0.0.1")
    for unlike in (
        replace(settings, ca=""),
        replace(settings, ca=make_certificate("localhost", ["localhost"]).pem),
        replace(settings, endpoint=by_address),
        replace(settings, endpoint=slapd.plain, ca=""),
        replace(settings, endpoint=slapd.plain.replace("localhost", "127.0.0.1")),
    ):
        with pytest.raises(DirectoryUnavailable, match=r"(?i)certificate verify failed"):
            await LdapDirectory(unlike).check("ann", RIGHT)


async def test_what_is_set_up_wrongly_is_said(settings: DirectorySettings) -> None:
    for wrong, said in (
        (replace(settings, bind_password="wrong"), "refuses the bind of ldap_bind_dn: invalidCredentials"),
        (replace(settings, user_basedn="ou=nowhere,dc=example,dc=org"), "refuses the search .* noSuchObject"),
        (replace(settings, user_basedn="no name"), "invalid"),
    ):
        with pytest.raises(DirectoryUnavailable, match=said):
            await LdapDirectory(wrong).check("ann", RIGHT)


async def test_a_server_that_is_away_is_no_answer(settings: DirectorySettings) -> None:
    with pytest.raises(DirectoryUnavailable, match="ldap://localhost"):
        await LdapDirectory(replace(settings, endpoint=f"ldap://localhost:{free_port()}")).check("ann", RIGHT)


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x84\xff\xff\xff\xff"])
async def test_a_server_that_does_not_answer_as_one_is_no_answer(
    settings: DirectorySettings, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(ldap_directory, "ANSWER_SECONDS", 0.2)
    connected, over = [], asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(reader)
        writer.write(says)
        await over.wait()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DirectoryUnavailable):
            await LdapDirectory(replace(settings, endpoint=f"ldap://127.0.0.1:{port}")).check("ann", RIGHT)
        over.set()
    assert connected
