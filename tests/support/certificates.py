"""Certificates for tests: made here, signed by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Made:
    """A certificate and its key, as PEM."""

    pem: str
    key: str
    expires: datetime


def make_certificate(common_name: str | None, names: Sequence[str] = (), *, days: int = 90) -> Made:
    """A certificate for this common name, with these subject alternative names, good for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [] if common_name is None else [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    subject = x509.Name(attributes)
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    expires = began + timedelta(days=days + 1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(expires)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    kind, no_secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return Made(certificate.public_bytes(pem).decode(), key.private_bytes(pem, kind, no_secret).decode(), expires)
