"""SSH keys and certificates, whose files lie about on a user's machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.test_terminal import show, start
from tests.contract.client.whole_world import CERTIFICATE, PRIVATE_KEY, PUBLIC


@pytest.fixture
def ssh(deis: Deis) -> Path:
    """The user's own keys."""
    directory = deis.home / ".ssh"
    directory.mkdir(mode=0o700)
    (directory / "id_ed25519.pub").write_text(f"{PUBLIC}\n")
    (directory / "work.laptop.pub").write_text("ssh-rsa AAAAB3NzaC1yc2E=\n")
    (directory / "broken.pub").write_text("no key\n")
    (directory / "id_ed25519").write_text(PRIVATE_KEY)
    return directory


LISTED = (
    "Found the following SSH public keys:\n1) id_ed25519.pub ada@laptop\n2) work.laptop.pub work\n"
    "0) Enter path to pubfile (or use keys:add <key_path>)\nWhich would you like to use with Deis? "
)


async def test_ones_own_keys_are_offered(deis: Deis, ssh: Path, stand_in: StandIn) -> None:
    told = await deis("keys:add", typed="1\n")
    assert told.out == f"{LISTED}Uploading id_ed25519.pub to deis... done\n"
    assert stand_in.writes() == [("POST", "/v1/keys", {"id": "ada@laptop", "public": PUBLIC})]
    await deis("keys:add", typed="2\n")
    assert stand_in.writes()[-1][2] == {"id": "work", "public": "ssh-rsa AAAAB3NzaC1yc2E="}


async def test_another_file_may_be_named_when_asked(deis: Deis, ssh: Path, stand_in: StandIn) -> None:
    await deis("keys:add", typed="0\n~/.ssh/work.laptop.pub\n")
    (deis.directory / "other.pub").write_text(PUBLIC)
    told = await deis("keys:add", typed="0\nother.pub\n")
    assert told.out.endswith("Enter the path to the pubkey file: Uploading other.pub to deis... done\n")
    assert [body["id"] for _, _, body in stand_in.writes()] == ["work", "ada@laptop"]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("3\n", '"3" is not a valid option: type a number from 0 to 2'),
        ("-1\n", '"-1" is not a valid option'),
        ("\n", '"" is not a valid option'),
        ("", 'nothing was answered to "Which would you like to use with Deis?": use a file: deis keys:add ~/.ssh/'),
        ("0\n\n", "no key given: use a file"),
    ],
)
async def test_a_choice_that_is_none_sends_nothing(
    deis: Deis, ssh: Path, stand_in: StandIn, typed: str, wanted: str
) -> None:
    assert wanted in (await deis("keys:add", typed=typed, status=1)).err
    assert stand_in.writes() == []


async def test_without_own_keys_a_file_is_asked_for(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("keys:add", status=1)
    assert told.out == "Enter the path to the pubkey file: \n"
    assert "deis keys:add ~/.ssh/id_ed25519.pub" in told.err


async def test_a_key_is_chosen_on_a_terminal(deis: Deis, ssh: Path, stand_in: StandIn) -> None:
    terminal = await start(deis, "keys:add")
    await terminal.until(lambda: "Which would you like to use with Deis? " in terminal.shown)
    terminal.type("1\n")
    assert await terminal.end() == 0
    assert "Uploading id_ed25519.pub to deis... done" in terminal.shown
    assert list(stand_in.accounts.keys) == ["ada@laptop"]


async def test_a_key_goes_by_its_comment_its_file_or_the_name_given(deis: Deis, ssh: Path, stand_in: StandIn) -> None:
    await deis("keys:add", str(ssh / "id_ed25519.pub"), "--id", "home office")
    assert stand_in.writes()[-1][2]["id"] == "home office"
    await deis("keys:add", str(ssh / "work.laptop.pub"))
    assert stand_in.writes()[-1][2]["id"] == "work"
    told = await deis("keys:add", str(ssh / "work.laptop.pub"), status=1)
    assert told.err.startswith("Error: key work is taken (400 BAD REQUEST)\n")
    assert told.out == "Uploading work.laptop.pub to deis... failed\n"
    assert (await deis("keys:remove", "home office")).out == "Removing home office SSH Key... done\n"
    assert stand_in.writes()[-1][1] == "/v1/keys/home%20office"
    told = await deis("keys:remove", "a/b", status=1)
    assert told.err.startswith("Error: key a/b was not found (404 NOT FOUND)")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (PRIVATE_KEY, "holds a private key, which must stay where it is; give the public one: "),
        ("hello", "is not a valid ssh key"),
        ("", "is not a valid ssh key"),
        (f"{PUBLIC}\n{PUBLIC}\n", "is not a valid ssh key"),
        ("ssh-rsa not*base64 a", "is not a valid ssh key"),
    ],
)
async def test_what_is_no_public_key_is_not_sent(deis: Deis, stand_in: StandIn, text: str, wanted: str) -> None:
    (deis.directory / "key").write_text(text)
    assert wanted in (await deis("keys:add", "key", status=1)).err
    assert "cannot read" in (await deis("keys:add", "nowhere.pub", status=1)).err
    assert stand_in.asked == []


@pytest.mark.parametrize(
    ("public", "shown"),
    [
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ ada@laptop", "ssh-rsa AAAAB3Nz...ada@laptop"),
        ("ssh-rsa AAAA", "ssh-rsa AAAA"),
        ("", ""),
    ],
)
async def test_keys_of_any_length_are_listed(deis: Deis, stand_in: StandIn, public: str, shown: str) -> None:
    stand_in.accounts.keys["k"] = {"id": "k", "public": public}
    assert (await deis("keys")).out == f"=== ada Keys\nk {shown}\n"


@pytest.fixture
def pems(deis: Deis) -> Path:
    (deis.directory / "www.crt").write_text(CERTIFICATE)
    (deis.directory / "www.key").write_text(PRIVATE_KEY)
    (deis.directory / "hello").write_text("hello")
    return deis.directory


async def test_without_certificates_that_is_said(deis: Deis) -> None:
    assert (await deis("certs")).out == "No certs\n"
    assert await deis.json("certs") == []


async def test_a_certificate_is_added_once_for_each_of_its_names(deis: Deis, pems: Path, stand_in: StandIn) -> None:
    await deis("certs:add", "www.crt", "www.key", "--subject-alt-names", "a.example.com, b.example.com,")
    pair = {"certificate": CERTIFICATE, "key": PRIVATE_KEY}
    assert [body for _, _, body in stand_in.writes()] == [
        {**pair, "common_name": "a.example.com"},
        {**pair, "common_name": "b.example.com"},
    ]
    await deis("certs:add", "www.crt", "www.key")
    assert stand_in.writes()[-1][2] == pair
    assert [cert["common_name"] for cert in await deis.json("certs")] == [
        "a.example.com",
        "b.example.com",
        "www.example.com",
    ]


@pytest.mark.parametrize(
    ("covered", "warned"),
    [(["*.example.com"], False), (["A.example.com"], False), ([], False), (["*.com", "b.example.com"], True)],
)
async def test_a_name_that_the_certificate_is_not_for_is_warned_of(
    deis: Deis, pems: Path, stand_in: StandIn, covered: list[str], *, warned: bool
) -> None:
    cert = {"common_name": "a.example.com", "expires": "2036-01-02T03:04:05", "subject_alt_names": covered}
    stand_in.answers["POST /v1/certs"] = says(201, cert, headers=VERSIONS)
    told = await deis("certs:add", "www.crt", "www.key", "--common-name", "a.example.com")
    assert told.out == "Adding SSL endpoint... done\n"
    words = "The certificate is not for a.example.com, which clients will refuse: it is for *.com, b.example.com.\n"
    assert told.err.startswith(words) is warned
    assert told.err.endswith(
        "The router of this version serves HTTP alone: certificates are kept for routers that end TLS.\n"
    )


async def test_of_names_of_which_one_is_taken_those_before_are_told(deis: Deis, pems: Path, stand_in: StandIn) -> None:
    await deis("certs:add", "www.crt", "www.key", "--common-name", "b.example.com")
    names = "a.example.com,b.example.com,c.example.com"
    told = await deis("certs:add", "www.crt", "www.key", "--subject-alt-names", names, status=1)
    assert told.out == "Adding SSL endpoint... failed\n"
    assert told.err.startswith("Error: certificate b.example.com is taken (400 BAD REQUEST)\n")
    assert told.err.endswith("Before that it was added for a.example.com, and stays so.\n")
    assert list(stand_in.accounts.certs) == ["b.example.com", "a.example.com"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("www.key", "www.crt"), "www.key holds a private key, where the certificate comes first: the two are swapped"),
        (("hello", "www.key"), "hello holds no certificate in PEM"),
        (("www.crt", "hello"), "hello holds no private key in PEM"),
        (("www.crt", "www.crt"), "www.crt holds no private key in PEM"),
        (("www.crt", "nowhere"), "cannot read"),
        (("www.crt", "www.key", "--subject-alt-names", ","), "names no host"),
        (("www.crt", "www.key", "--common-name", "a", "--subject-alt-names", "b"), "not both"),
        (("www.crt",), "See `deis help certs:add`."),
    ],
)
async def test_files_that_are_none_are_not_sent(
    deis: Deis, pems: Path, stand_in: StandIn, words: tuple[str, ...], wanted: str
) -> None:
    assert wanted in (await deis("certs:add", *words, status=1)).err
    assert stand_in.asked == []


async def test_a_certificate_that_cannot_be_removed_is_an_error(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("certs:remove", "www.example.com", status=1)
    assert told.out == "Removing www.example.com... failed\n"
    assert told.err == (
        "Error: certificate www.example.com was not found (404 NOT FOUND)\nSee `deis certs` for what there is.\n"
    )
    stand_in.answers["DELETE /v1/certs/x"] = says(500, "<h1>", headers=VERSIONS)
    assert (await deis("certs:remove", "x", status=1)).out == "Removing x... failed\n"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=12, hours=1), "in 12 days"),
        (timedelta(days=1, hours=1), "in 1 day"),
        (timedelta(hours=1), "within a day"),
        (-timedelta(days=1), "expired"),
    ],
)
async def test_what_expires_soon_is_marked_on_a_terminal(
    deis: Deis, pems: Path, stand_in: StandIn, left: timedelta, said: str
) -> None:
    expires = (datetime.now(UTC) + left).strftime("%Y-%m-%dT%H:%M:%SUTC")
    stand_in.accounts.expires = expires
    added = await show(deis, "certs:add", "www.crt", "www.key")
    assert f"www.example.com expires {expires}  \x1b[" in added
    assert f"m{said}\x1b[0m\r\n" in added
    assert f"www.example.com     {expires}  \x1b[" in await show(deis, "certs")
    assert (await deis("certs")).out.splitlines()[-1] == f"www.example.com     {expires}"


async def test_what_does_not_expire_soon_is_not_marked(deis: Deis, pems: Path) -> None:
    await deis("certs:add", "www.crt", "www.key")
    assert (await show(deis, "certs")).endswith("www.example.com     2036-01-02T03:04:05UTC\r\n")
