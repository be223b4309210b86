"""The names that an app may answer to, by v1's rules."""

from __future__ import annotations

import re

LONGEST = 255

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE | re.ASCII)
_A_LABEL = re.compile("^xn--", re.IGNORECASE)
_NAME_CHARACTERS = re.compile(r"[a-z0-9.-]+", re.IGNORECASE | re.ASCII)

INVALID = "Hostname does not look valid."
NO_WILDCARDS = "Adding a wildcard subdomain is currently not supported."


def wrong_with_hostname(name: str) -> str | None:
    """What is wrong with a host name (without a final dot), in v1's words; None when it is good.

    Labels as RFC 1123 §2.1 has them, but no `--` (beside that of an internationalised one, RFC 5890 §2.3.2.1, which v1
    refused) and not only digits; one label alone holds no digit. Names of `xip.io` pass as they are, if they are made
    of a host name's characters.
    """
    if len(name) > LONGEST:
        return f"Ensure this field has no more than {LONGEST} characters."
    if "xip.io" in name and _NAME_CHARACTERS.fullmatch(name):
        return None
    labels = name.split(".")
    if labels[0] == "*":
        return NO_WILDCARDS
    if len(labels) == 1 and any(character.isdigit() for character in name):
        return INVALID
    for label in labels:
        if not _LABEL.fullmatch(label) or "--" in _A_LABEL.sub("", label) or label.isdigit():
            return INVALID
    return None


def is_hostname(name: str) -> bool:
    """Whether it could be a host's name at all (RFC 1123 §2.1), be it one that v1 refuses for an app or not."""
    return len(name) <= LONGEST and all(_LABEL.fullmatch(label) for label in name.split("."))


def fqdn(name: str) -> str:
    """The one form in which a name is kept: lower case (RFC 4343), without the root's dot."""
    return name.removesuffix(".").lower()
