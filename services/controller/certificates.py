"""Certificates and their keys, as PEM (RFC 7468): what is in them, and whether they belong together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from services.controller.hostnames import fqdn, is_hostname

LONGEST_KEY = 16 * 1024  # characters of PEM; RSA of 8192 bits has 6.4 KiB
MOST = 20  # certificates: a chain has two to five
LEAST_RSA, MOST_RSA = 2048, 8192  # bits: what OpenSSL takes at its default level 2, and what signs in some 30 ms

PEM_BEGINS = "-----BEGIN CERTIFICATE-----"
NO_WILDCARDS = "Wildcard certificates are not supported"
NAMELESS = "The certificate names no host; give the name that it is for (--common-name)."

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

_SIGNED = b"is this the certificate's key?"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


class BadCertificate(ValueError):
    """PEM that is no certificate that could be used; its own text says why."""


class BadPrivateKey(ValueError):
    """PEM that is not the certificate's key; its own text says why."""


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain behind it, and what it says of itself."""

    leaf: x509.Certificate
    pem: str  # of all, in their order, and of nothing else that the text may have had
    common_name: str  # empty: it has none
    names: tuple[str, ...]
    expires: datetime

    @property
    def fingerprint(self) -> str:
        """Of SHA-256, as browsers and OpenSSL show it."""
        return self.leaf.fingerprint(hashes.SHA256()).hex(":").upper()


def read_certificate(pem: str) -> Certificate:
    """The certificate that comes first in a text, with its chain; raises `BadCertificate`."""
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        leaf = chain[0]
        common_names = [str(a.value) for a in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        names = _names(leaf)
        public, expires = leaf.public_key(), leaf.not_valid_after_utc
    except UNREADABLE as error:
        why = error if PEM_BEGINS in pem else f"it is no PEM text, in which one begins with {PEM_BEGINS}"
        raise BadCertificate(f"Could not load certificate: {why}") from error
    if len(chain) > MOST:
        raise BadCertificate(f"Could not load certificate: it has {len(chain)} certificates, more than {MOST}")
    if not isinstance(
        public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
    ):
        raise BadCertificate("Its key is of a type that TLS does not use; make one with RSA, ECDSA or Ed25519.")
    if isinstance(public, rsa.RSAPublicKey) and not LEAST_RSA <= public.key_size <= MOST_RSA:
        raise BadCertificate(f"Its RSA key has {public.key_size} bits; it must have {LEAST_RSA} to {MOST_RSA}.")
    text = "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)
    return Certificate(leaf, text, common_names[0] if common_names else "", names, expires)


def no_wildcards(name: str) -> tuple[str, str]:
    """Why a wildcard is no name to keep a certificate under, in v1's words, and what to do instead."""
    covered = fqdn(name).replace("*", "www", 1)
    return NO_WILDCARDS, f"Add it once for each name that it is to serve: --common-name={covered} and so on."


def name_for(certificate: Certificate) -> str:
    """The name that a certificate is kept under where none is asked for: its common name, else its first other one.

    Raises `BadCertificate`.
    """
    for name in (certificate.common_name, *certificate.names):
        if name.startswith("*."):
            raise BadCertificate(*no_wildcards(name))
        if is_hostname(fqdn(name)):
            return fqdn(name)
    raise BadCertificate(NAMELESS)


def read_private_key(pem: str, certificate: Certificate) -> str:
    """The certificate's own key in a text, as PEM (PKCS #8) and nothing else.

    Raises `BadPrivateKey`, which never quotes it. An RSA key is not tried for its primes: that takes 0.5 s of 4096
    bits, in which nothing else could run. That its modulus is the certificate's, that its numbers belong together, and
    that the certificate verifies what it signs, says what is to be known.
    """
    try:
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise BadPrivateKey(
            "The key is encrypted with a passphrase, which nobody would be there to type; "
            "take it off: openssl pkey -in KEY -out PLAIN_KEY"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPrivateKey("Could not load key: it is no private key as PEM") from error
    if key.public_key() != certificate.leaf.public_key():
        raise BadPrivateKey(
            "The key does not belong to the certificate, or the certificate is not the first one of its chain."
        )
    assert isinstance(key, PrivateKey)
    try:
        _prove(key)
    except (ValueError, InvalidSignature) as error:
        raise BadPrivateKey("Could not load key: what it signs is not valid") from error
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _prove(key: PrivateKey) -> None:
    """Sign with it and verify; raises `InvalidSignature`."""
    match key:
        case rsa.RSAPrivateKey():
            if not _agree(key.private_numbers()):
                raise InvalidSignature
            scheme = padding.PKCS1v15()
            key.public_key().verify(key.sign(_SIGNED, scheme, hashes.SHA256()), _SIGNED, scheme, hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            signature = key.sign(_SIGNED, ec.ECDSA(hashes.SHA256()))
            key.public_key().verify(signature, _SIGNED, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            key.public_key().verify(key.sign(_SIGNED), _SIGNED)


def _agree(of: rsa.RSAPrivateNumbers) -> bool:
    """Whether an RSA key's numbers belong together (RFC 8017 §3.2): those of a forged one may sign for minutes."""
    n, e = of.public_numbers.n, of.public_numbers.e
    return (
        of.p > 1
        and of.q > 1
        and of.p * of.q == n
        and 0 < of.d < n
        and 0 < of.dmp1 < of.p
        and 0 < of.dmq1 < of.q
        and 0 < of.iqmp < of.p
        and all(e * exponent % (of.p - 1) == 1 for exponent in (of.d, of.dmp1))
        and all(e * exponent % (of.q - 1) == 1 for exponent in (of.d, of.dmq1))
        and of.iqmp * of.q % of.p == 1
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its subject alternative names: host names, and addresses."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)
