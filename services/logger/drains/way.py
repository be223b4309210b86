"""The way to a receiver: which addresses lines may go to, and who is trusted there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from services.logger.drains.addresses import Ip, Network, faces, forbidden, leads_home

Address = tuple[str, int]
_TRUST = ThreadPoolExecutor(2, thread_name_prefix="drain-trust")  # apart, as what reads files waits for nobody else


class Forbidden(OSError):
    """An address that no drain may go to."""


class Listeners(Protocol):
    """The platform's own listeners."""

    def doubt(self, port: int) -> str:
        """Why one of them may be at this port of an address that is not known for it; empty: none is."""
        ...

    def __contains__(self, address: object, /) -> bool:
        """Whether an `Address` is one of them."""
        ...


@dataclass(frozen=True)
class Only:
    """These listeners, and no more."""

    known: frozenset[Address] = frozenset()

    def doubt(self, port: int) -> str:  # noqa: ARG002 - of none
        """See `Listeners`."""
        return ""

    def __contains__(self, address: object) -> bool:
        """See `Listeners`."""
        return address in self.known


@dataclass(frozen=True)
class Way:
    """Tells addresses of receivers from the platform's own.

    A user names a drain's host, and so could make a logger speak to what only the platform's hosts reach. `inward`
    lets it; `guard`, `barred` and the networks of `bridges` are refused beside what stays on this host or a link. An
    address within another one is judged as well.
    """

    inward: bool = False
    guard: Listeners = field(default_factory=Only)
    barred: tuple[Network, ...] = ()
    bridges: Callable[[], tuple[Network, ...]] = tuple

    def check(self, address: str, port: int) -> None:
        """Raises `Forbidden` by what an address says."""
        if self.inward:
            return
        given, *within = faces(address)
        self._judge(given, port, str(given))
        for face in within:
            self._judge(face, port, f"{given} (it leads to {face})")
        if doubt := self.guard.doubt(port):
            raise Forbidden(
                errno.EAGAIN, f"{given} port {port} may be the platform's own, where no drain may go: {doubt}"
            )

    def _judge(self, address: Ip, port: int, words: str) -> None:
        if why := forbidden(address):
            raise Forbidden(errno.EACCES, f"{words} {why}, where no drain may go")
        if any(address in network for network in self.barred):
            raise Forbidden(errno.EACCES, f"{words} is in a network where no drain may go (DEIS_LOGGER_DRAIN_BARRED)")
        if any(address in network for network in self.bridges()):
            raise Forbidden(
                errno.EACCES,
                f"{words} is behind a bridge of the logger's host, where containers are, and no drain may go "
                "(DEIS_LOGGER_DRAIN_BRIDGES); an app is reached by its URL",
            )
        if (str(address), port) in self.guard:
            raise Forbidden(errno.EACCES, f"{words} port {port} is the platform's own, where no drain may go")

    def open_socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for one of `getaddrinfo`'s answers; raises `Forbidden`, and `OSError` where no way leads there."""
        family, type_, proto, _, address = info
        self.check(str(address[0]), int(str(address[1])))
        if not self.inward and leads_home(str(address[0])):
            raise Forbidden(errno.EACCES, f"{address[0]} is an address of this host, where no drain may go")
        sock = socket.socket(family, type_, proto)
        sock.setblocking(False)
        return sock


async def trust(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """A context that verifies who answers, name included, and shows this certificate where there is one.

    Raises `ssl.SSLError` and `ValueError` for what is no PEM. Not on the loop: the host's own authorities are many.
    """
    return await asyncio.get_running_loop().run_in_executor(_TRUST, _context, ca, certificate, key)


def _context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca or None)
    if ca:
        context.verify_flags |= (
            ssl.VERIFY_X509_PARTIAL_CHAIN
        )  # a certificate that is given is trusted, authority or not
    if certificate:
        file = os.memfd_create("drain")  # the ssl module reads files alone; this one is in no file system
        try:
            os.write(file, f"{certificate}\n{key}\n".encode())
            context.load_cert_chain(
                f"/proc/self/fd/{file}", password=""
            )  # of an encrypted key: refused, never asked for
        finally:
            os.close(file)
    return context
