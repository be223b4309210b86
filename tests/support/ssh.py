"""Public SSH keys for tests, of keys that nobody keeps."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey


def line_of(key: PublicKey, comment: str = "") -> str:
    """The line of a `.pub` file."""
    written = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{written} {comment}" if comment else written


def make_public_key(comment: str = "ann@laptop") -> str:
    """A new Ed25519 key's."""
    return line_of(ed25519.Ed25519PrivateKey.generate().public_key(), comment)


def wire(*fields: bytes) -> bytes:
    """The fields of a key's blob (RFC 4251 §5: each behind its length)."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def line_of_blob(kind: str, *fields: bytes) -> str:
    """A line with a blob of these fields, good or bad."""
    return f"{kind} {base64.b64encode(wire(kind.encode(), *fields)).decode()}"


def make_security_key() -> str:
    """A new Ed25519 security key's, bound to the application `ssh:`."""
    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return line_of_blob("sk-ssh-ed25519@openssh.com", raw, b"ssh:")
