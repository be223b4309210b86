"""Public SSH keys, as a user's `.pub` file has them: `<type> <base64> [comment]`. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

LONGEST = 8192  # characters; the longest key that OpenSSH takes (RSA of 16384 bits) has under 3000
LEAST_RSA = 2048  # bits (NIST SP 800-131A)
SECURITY_KEYS = ("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ssh-ed25519@openssh.com")
KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    *SECURITY_KEYS,
)

SHAPE = "A public key is one line `<type> <base64> [comment]`, as a file such as ~/.ssh/id_ed25519.pub has it."
PRIVATE = "This is a private key, which is nobody's but yours; give the public one, of the file that ends in `.pub`."
DSA = "DSA keys (ssh-dss) are too weak, and OpenSSH refuses them too; make another one: ssh-keygen -t ed25519"


class BadSshKey(ValueError):
    """A text that is no public key that could be used; its own text says why."""


@dataclass(frozen=True)
class PublicKey:
    """A public key: its type, its blob (RFC 4253 §6.6) and the comment behind it."""

    kind: str
    blob: bytes
    comment: str = ""

    @property
    def text(self) -> str:
        """The line of a `.pub` file."""
        return " ".join(filter(None, (self.kind, base64.b64encode(self.blob).decode(), self.comment)))

    @property
    def fingerprint(self) -> str:
        """As v1 and OpenSSH before 6.8 show it (RFC 4716 §4): of the blob, which a security key's application is in."""
        return hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")

    @property
    def sha256(self) -> str:
        """What tells one key from every other."""
        return hashlib.sha256(self.blob).hexdigest()


def read_public_key(text: str) -> PublicKey:
    """The key that a text is; raises `BadSshKey`.

    One that is written in another way than OpenSSH writes it is refused: a key has one blob, so that it is one user's.
    """
    if "PRIVATE KEY" in text:
        raise BadSshKey(PRIVATE)
    words = text.strip().split(None, 2)
    if len(words) < 2 or not text.strip().replace("\t", " ").isprintable():
        raise BadSshKey(SHAPE)
    kind, encoded, comment = words[0], words[1], "".join(words[2:])
    if kind == "ssh-dss":
        raise BadSshKey(DSA)
    if kind not in KINDS:
        raise BadSshKey(f"Key type {kind[:64]} is not supported; it must be one of {', '.join(KINDS)}.")
    try:
        blob = base64.b64decode(encoded, validate=True)
        key = load_ssh_public_key(f"{kind} {encoded}".encode())
        written = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSshKey(f"Could not load the public key: {error}") from error
    if kind not in SECURITY_KEYS and base64.b64decode(written) != blob:
        raise BadSshKey("Could not load the public key: it is not written as OpenSSH writes it")
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA:
        raise BadSshKey(f"An RSA key must have {LEAST_RSA} bits or more; this one has {key.key_size}.")
    return PublicKey(kind, blob, comment)
