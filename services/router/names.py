"""What may stand in HAProxy's configuration, maps and commands.

Names from records are checked here before they come near HAProxy: a `;`, a space or a line break in one would be
another command.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

# What stands for a part of the platform where an app's name would stand; no app can have these.
CONTROLLER = "@controller"  # the API
LOGGERS = "@loggers"  # the loggers' tails

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?")


def is_name(name: str) -> bool:
    """Whether it can name an app or a server (HAProxy allows letters, digits, `_`, `.`, `-` and `:`)."""
    return _NAME.fullmatch(name) is not None


def is_host(host: str) -> bool:
    """Whether it is a host name in lower case, without a port."""
    return _HOST.fullmatch(host) is not None


def is_address(address: str) -> bool:
    """Whether it is an IP address (without a zone)."""
    try:
        return bool(ip_address(address)) and "%" not in address
    except ValueError:
        return False


def endpoint(address: str, port: int) -> str:
    """`address:port` as HAProxy reads it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
