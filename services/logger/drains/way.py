"""The way to a receiver: which addresses lines may go to, and who is trusted there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

Address = tuple[str, int]
_TRUST = ThreadPoolExecutor(2, thread_name_prefix="drain-trust")  # apart, as what reads files waits for nobody else


class Forbidden(OSError):
    """An address that no drain may go to."""


class Listeners(Protocol):
    """The platform's own listeners; `doubt`: there may be others whose addresses are not known."""

    @property
    def doubt(self) -> bool:
        """See above."""
        ...

    def __contains__(self, address: object, /) -> bool:
        """Whether an `Address` is one of them."""
        ...


@dataclass(frozen=True)
class Only:
    """These listeners, and no more."""

    known: frozenset[Address] = frozenset()
    doubt: bool = False

    def __contains__(self, address: object) -> bool:
        """See `Listeners`."""
        return address in self.known


@dataclass(frozen=True)
class Way:
    """Tells addresses of receivers from the platform's own.

    A user names a drain's host, and so could make a logger speak to what only the platform's hosts reach. `inward`
    lets it; `guard` and `barred` are refused beside what stays on this host or a link.
    """

    inward: bool = False
    guard: Listeners = field(default_factory=Only)
    barred: tuple[IPv4Network | IPv6Network, ...] = ()

    def check(self, address: str, port: int) -> None:
        """Raises `Forbidden` by what an address says."""
        if self.inward:
            return
        found = plain(address)
        if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast:
            raise Forbidden(errno.EACCES, f"{found} is an address of this host or link, where no drain may go")
        if any(found in network for network in self.barred):
            raise Forbidden(errno.EACCES, f"{found} is in a network where no drain may go (DEIS_LOGGER_DRAIN_BARRED)")
        if (str(found), port) in self.guard:
            raise Forbidden(errno.EACCES, f"{found} port {port} is the platform's own, where no drain may go")
        if self.guard.doubt:
            raise Forbidden(
                errno.EAGAIN,
                "the logger does not know yet all addresses of the platform's own, where no drain may go; its journal "
                "names those that it cannot look up",
            )

    def open_socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for one of `getaddrinfo`'s answers; raises `Forbidden`, and `OSError` where no way leads there."""
        family, type_, proto, _, address = info
        self.check(str(address[0]), int(str(address[1])))
        if not self.inward and is_own(plain(str(address[0]))):
            raise Forbidden(errno.EACCES, f"{address[0]} is an address of this host, where no drain may go")
        sock = socket.socket(family, type_, proto)
        sock.setblocking(False)
        return sock


def plain(address: str) -> IPv4Address | IPv6Address:
    """An address; one of the fourth version that is written as one of the sixth is what it is."""
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is this host's: then the kernel sends from that address itself. Asked of it, nothing is sent.

    So nobody can tell by trying whether something listens there. Raises `OSError` where no way leads there.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((str(address), 9))
        return plain(sock.getsockname()[0]) == address


def networks_of(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of `10.0.0.0/8,fd00::/8`; raises `ValueError`."""
    try:
        return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise ValueError(f"DEIS_LOGGER_DRAIN_BARRED has what is no network: {error}") from error


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
