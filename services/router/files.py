"""The router's files under `<home>/router/`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from libs.daemon import files

LONGEST_SOCKET_PATH = 100  # bytes; the kernel allows 107, and HAProxy adds a suffix while it binds


_PLAIN = re.compile(r"[\w./@+-]+")  # what needs no quoting in a configuration, a converter's argument or a command


class BadHome(ValueError):
    """A directory that HAProxy, or the kernel, could not use."""


@dataclass(frozen=True)
class Files:
    """Paths below one directory."""

    home: Path

    def __post_init__(self) -> None:
        if not _PLAIN.fullmatch(str(self.home)):
            raise BadHome(f"the path {str(self.home)!r} must be of letters, digits and ./_@+- for HAProxy to read it")
        longest = max(len(os.fsencode(path)) for path in (self.runtime, self.master))
        if longest > LONGEST_SOCKET_PATH:
            raise BadHome(
                f"the sockets under {self.home} would have paths of {longest} bytes; {LONGEST_SOCKET_PATH} fit;"
                " set DEIS_HOME to a shorter path"
            )

    @property
    def configuration(self) -> Path:
        """HAProxy's configuration."""
        return self.home / "haproxy.cfg"

    @property
    def hosts(self) -> Path:
        """The map host → app."""
        return self.home / "hosts.map"

    @property
    def slots(self) -> Path:
        """The map app → back end."""
        return self.home / "slots.map"

    @property
    def timeouts(self) -> Path:
        """The map app → response timeout."""
        return self.home / "timeouts.map"

    @property
    def picture(self) -> Path:
        """The last applied picture, from which the files above are rendered."""
        return self.home / "picture.json"

    @property
    def runtime(self) -> Path:
        """HAProxy's runtime socket."""
        return self.home / "haproxy.sock"

    @property
    def master(self) -> Path:
        """The socket of HAProxy's master process (`haproxy -W -S <this>`)."""
        return self.home / "master.sock"

    @property
    def alerts(self) -> Path:
        """The datagram socket at which the daemon hears what HAProxy found out about servers."""
        return self.home / "alerts.sock"

    @property
    def failures(self) -> Path:
        """The datagram socket at which the daemon hears of requests that were not answered."""
        return self.home / "failures.sock"


def replace(path: Path, text: str) -> bool:
    """Write a file whole or not at all, and durably; False when it already reads so."""
    try:
        if path.read_text() == text:
            return False
    except FileNotFoundError:
        pass
    files.replace(path, text)
    return True
