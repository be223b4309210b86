"""Names of images, as Docker reads them: `[host[:port]/]path[:tag][@digest]`, or an image's own id."""

from __future__ import annotations

import re

PLAUSIBLE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}")
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")


def is_id(reference: str) -> bool:
    """Whether it is an image's id: no registry can be asked for it."""
    return IMAGE_ID.fullmatch(reference) is not None


def is_plausible(reference: str) -> bool:
    """Whether it could be a reference: what is none must not become part of another question to the engine."""
    return PLAUSIBLE.fullmatch(reference) is not None and ".." not in reference and "//" not in reference


def split(reference: str) -> tuple[str, str]:
    """A name and its digest or tag; without either the tag is `latest`, as in v1.

    A colon belongs to a tag only behind the last slash: before it, it is a registry's port.
    """
    name, at, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    bare = head + slash + last
    if at:
        return bare, digest
    return bare, tag if colon and tag else "latest"


def normal(reference: str) -> str:
    """The reference with its tag or digest spelled out; an id stays as it is."""
    if is_id(reference):
        return reference
    name, version = split(reference)
    return f"{name}@{version}" if ":" in version else f"{name}:{version}"
