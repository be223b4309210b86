"""What is read out of certificates and keys, and which belong together."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from services.controller.certificates import (
    NAMELESS,
    NO_WILDCARDS,
    BadCertificate,
    BadPrivateKey,
    PrivateKey,
    name_for,
    read_certificate,
    read_private_key,
)
from tests.support.certificates import make_certificate

RSA = rsa.generate_private_key(65537, 2048)
EXAMPLE = make_certificate("www.example.org")
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def of_key(key: PrivateKey | dsa.DSAPrivateKey) -> str:
    """A certificate of this very key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    at = datetime.now(UTC)
    until = at + timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), at, until)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = builder.sign(key, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


def pem(
    key: PrivateKey,
    kind: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
    sealed: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, kind, sealed or NoEncryption()).decode()


def test_a_certificate_tells_its_names_its_end_and_its_fingerprint() -> None:
    made = make_certificate("www.example.org", ["www.example.org", "example.org"])
    read = read_certificate(made.pem)
    assert (read.common_name, read.names) == ("www.example.org", ("www.example.org", "example.org"))
    assert read.expires == made.expires
    leaf = x509.load_pem_x509_certificate(made.pem.encode())
    assert read.fingerprint.replace(":", "").lower() == leaf.fingerprint(hashes.SHA256()).hex()


def test_a_chain_stays_in_its_order_and_nothing_else_of_the_text_stays() -> None:
    issuer, root = make_certificate("Issuer"), make_certificate("Root")
    text = f"Bag Attributes\n{EXAMPLE.pem}{EXAMPLE.key}\n# issuer\n{issuer.pem}\r\n{root.pem}"
    assert read_certificate(text).pem == EXAMPLE.pem + issuer.pem + root.pem
    assert read_certificate(text).common_name == "www.example.org"


@pytest.mark.parametrize(
    ("common_name", "names", "kept"),
    [
        ("WWW.Example.ORG", [], "www.example.org"),
        ("www.example.org", ["a.example.org"], "www.example.org"),
        (None, ["a.example.org", "b.example.org"], "a.example.org"),
        ("Example and Sons", ["a.example.org"], "a.example.org"),
        ("xn--bcher-kva.example", [], "xn--bcher-kva.example"),
    ],
)
def test_a_certificate_is_kept_under_its_common_name_or_its_first_other_one(
    common_name: str | None, names: list[str], kept: str
) -> None:
    assert name_for(read_certificate(make_certificate(common_name, names).pem)) == kept


@pytest.mark.parametrize(("common_name", "names"), [("*.example.org", []), (None, ["*.example.org", "example.org"])])
def test_a_wildcards_name_is_to_be_given(common_name: str | None, names: list[str]) -> None:
    with pytest.raises(BadCertificate) as refused:
        name_for(read_certificate(make_certificate(common_name, names).pem))
    assert refused.value.args[0] == NO_WILDCARDS
    assert "--common-name=www.example.org" in refused.value.args[1]


def test_a_certificate_of_no_host_is_to_be_given_a_name() -> None:
    with pytest.raises(BadCertificate) as refused:
        name_for(read_certificate(make_certificate("Example and Sons").pem))
    assert refused.value.args == (NAMELESS,)


@pytest.mark.parametrize(
    "key",
    [RSA, ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["rsa", "ecdsa", "ed25519"],
)
def test_a_certificates_own_key_is_taken_in_every_form(key: PrivateKey) -> None:
    certificate = read_certificate(of_key(key))
    plain = pem(key, PrivateFormat.PKCS8)
    assert read_private_key(plain, certificate) == plain
    assert read_private_key(f"{of_key(key)}\n{plain}", certificate) == plain
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        assert read_private_key(f"{PARAMETERS}{pem(key)}", certificate) == plain


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "Could not load key: "),
        ("secret", "Could not load key: "),
        (EXAMPLE.pem, "Could not load key: "),
        (make_certificate("www.example.org").key, "The key does not belong to the certificate"),
        (pem(RSA), "The key does not belong to the certificate"),
        (pem(RSA, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")), "The key is encrypted with a passphrase"),
        (pem(RSA, sealed=BestAvailableEncryption(b"x")), "The key is encrypted with a passphrase"),
    ],
)
def test_another_key_is_refused_in_words_that_do_not_show_it(key: str, said: str) -> None:
    with pytest.raises(BadPrivateKey) as refused:
        read_private_key(key, read_certificate(EXAMPLE.pem))
    assert str(refused.value).startswith(said)
    assert not key.strip() or key.strip() not in str(refused.value)


def test_the_key_belongs_to_the_first_certificate() -> None:
    issuer = make_certificate("Issuer")
    with pytest.raises(BadPrivateKey, match="not the first one of its chain"):
        read_private_key(EXAMPLE.key, read_certificate(issuer.pem + EXAMPLE.pem))


@pytest.mark.parametrize("forged", [["d", "dmp1"], ["d"], ["dmp1"], ["dmq1"], ["iqmp"], ["p"], ["q"]], ids=str)
def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused(forged: Sequence[str]) -> None:
    written = RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for name in forged:
        number = getattr(RSA.private_numbers(), name)
        old, new = (each.to_bytes((number.bit_length() + 7) // 8) for each in (number, number ^ 2))
        assert old in written
        written = written.replace(old, new)
    key = f"-----BEGIN PRIVATE KEY-----\n{base64.encodebytes(written).decode()}-----END PRIVATE KEY-----\n"
    with pytest.raises(BadPrivateKey, match="what it signs is not valid"):
        read_private_key(key, read_certificate(of_key(RSA)))


def test_keys_that_tls_would_refuse_are_refused() -> None:
    with pytest.raises(BadCertificate, match="Its RSA key has 1024 bits"):
        read_certificate(of_key(rsa.generate_private_key(65537, 1024)))
    with pytest.raises(BadCertificate, match="Its key is of a type that TLS does not use"):
        read_certificate(of_key(dsa.generate_private_key(1024)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        EXAMPLE.key,
        EXAMPLE.pem.replace("M", "N"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_bad_pem_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadCertificate, match=r"^Could not load certificate: \S"):
        read_certificate(text)


def test_what_is_no_pem_at_all_is_told_what_would_be() -> None:
    with pytest.raises(BadCertificate, match="it is no PEM text, in which one begins with -----BEGIN CERTIFICATE-----"):
        read_certificate("deis.example.com")


def test_a_heap_of_certificates_is_no_chain() -> None:
    with pytest.raises(BadCertificate, match="it has 21 certificates, more than 20"):
        read_certificate(EXAMPLE.pem * 21)


DER = x509.load_pem_x509_certificate(make_certificate("a.example", ["b.example"]).pem.encode()).public_bytes(
    Encoding.DER
)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=4), st.text())
def test_any_certificate_is_good_or_refused(at: int, patch: bytes, junk: str) -> None:
    patched = base64.b64encode(DER[:at] + patch + DER[at + len(patch) :]).decode()
    for text in (junk, f"-----BEGIN CERTIFICATE-----\n{patched}\n-----END CERTIFICATE-----"):
        with warnings.catch_warnings(action="ignore"), suppress(BadCertificate, BadPrivateKey):
            certificate = read_certificate(text)
            name_for(certificate)
            read_private_key(EXAMPLE.key, certificate)
