"""Which texts are public keys, and what tells one from another."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key, ssh_key_fingerprint
from hypothesis import given
from hypothesis import strategies as st

from services.controller.ssh_keys import DSA, PRIVATE, SHAPE, BadSshKey, read_public_key
from tests.support.ssh import line_of, line_of_blob, make_public_key, make_security_key

CURVES = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]
RAW = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
GOOD = make_public_key("")


@pytest.fixture(
    params=[
        line_of(rsa.generate_private_key(65537, 2048).public_key()),
        *(line_of(ec.generate_private_key(curve).public_key()) for curve in CURVES),
        GOOD,
    ],
    ids=["rsa", "p256", "p384", "p521", "ed25519"],
)
def line(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def test_a_key_is_read_as_openssh_wrote_it(line: str) -> None:
    assert read_public_key(line).text == line
    assert read_public_key(f"{line} ann at home\n").text == f"{line} ann at home"


def test_its_fingerprint_is_the_one_that_openssh_shows(line: str) -> None:
    loaded = load_ssh_public_key(line.encode())
    assert read_public_key(line).fingerprint == ssh_key_fingerprint(loaded, hashes.MD5()).hex(":")
    assert read_public_key(line).sha256 == ssh_key_fingerprint(loaded, hashes.SHA256()).hex()


def test_a_comment_makes_no_other_key() -> None:
    assert read_public_key(f"{GOOD} a").sha256 == read_public_key(f"  {GOOD}\t b \r\n").sha256


def test_a_security_key_is_told_from_the_plain_key_in_it() -> None:
    line = make_security_key()
    key = read_public_key(line)
    assert key.text == line
    assert key.sha256 != read_public_key(line_of_blob("ssh-ed25519", key.blob[34:66])).sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", SHAPE),
        ("ssh-rsa", SHAPE),
        (f"{GOOD} ann\n{GOOD} bob", SHAPE),
        (f"{GOOD} \x1b[31mann", SHAPE),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----", PRIVATE),
        ("ssh-dss AAAAB3NzaC1kc3MAAACB", DSA),
        (f'command="id" {GOOD}', "Key type command="),
        (
            "ssh-rsa-cert-v01@openssh.com AAAA",
            "Key type ssh-rsa-cert-v01@openssh.com is not supported; it must be one of",
        ),
        ("ssh-rsa AAA", "Could not load the public key: Incorrect padding"),
        ("ssh-rsa A!A=", "Could not load the public key: "),
        ("ssh-rsa AAAA", "Could not load the public key: "),
        (f"ssh-rsa {GOOD.split()[1]}", "Could not load the public key: "),
        (line_of_blob("ssh-ed25519", RAW[:5]), "Could not load the public key: "),
        (line_of_blob("ssh-ed25519", RAW, b"more"), "Could not load the public key: "),
        (line_of_blob("ecdsa-sha2-nistp256", b"nistp256", b"\4" + bytes(64)), "Could not load the public key: "),
        (
            line_of_blob("ssh-rsa", b"\1\0\1", bytes(9) + b"\xff" * 256),
            "Could not load the public key: it is not written as OpenSSH writes it",
        ),
        (line_of(rsa.generate_private_key(65537, 1024).public_key()), "An RSA key must have 2048 bits or more"),
    ],
    ids=lambda value: ascii(value)[:20],  # the keys are new ones at each run
)
def test_a_text_that_is_no_usable_key_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(BadSshKey) as refused:
        read_public_key(text)
    assert str(refused.value).startswith(said)


KINDS = st.sampled_from(["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"])
BLOBS = st.builds(
    lambda kind, fields: line_of_blob(kind, *fields), KINDS, st.lists(st.binary(max_size=300), max_size=3)
)
LINES = st.builds(lambda kind, blob: f"{kind} {base64.b64encode(blob).decode()}", KINDS, st.binary(max_size=80))


@given(st.text() | st.builds("ssh-rsa {}".format, st.text()) | LINES | BLOBS)
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = read_public_key(text)
    except BadSshKey:
        return
    assert read_public_key(key.text) == key
