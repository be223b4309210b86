"""The way to a receiver: which addresses lines may go to, and who is trusted there."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = tuple[str, int]
_TRUST = ThreadPoolExecutor(2, thread_name_prefix="drain-trust")  # apart, as what reads files waits for nobody else


class Forbidden(OSError):
    """An address that no drain may go to."""


@dataclass(frozen=True)
class Way:
    """Tells addresses of receivers from the platform's own.

    A user names a drain's host, and so could make a logger speak to what only the platform's hosts reach. `inward`
    lets it; `guarded` are addresses with ports that are refused beside what stays on a host or a link.
    """

    inward: bool = False
    guarded: frozenset[Address] = frozenset()

    def check(self, address: str, port: int) -> None:
        """Raises `Forbidden`."""
        if self.inward:
            return
        found = _plain(address)
        if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast:
            raise Forbidden(errno.EACCES, f"{found} is an address of this host or link, where no drain may go")
        if (str(found), port) in self.guarded:
            raise Forbidden(errno.EACCES, f"{found} port {port} is the platform's own store")

    def open_socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for one of `getaddrinfo`'s answers; raises `Forbidden`."""
        family, type_, proto, _, address = info
        self.check(str(address[0]), int(str(address[1])))
        sock = socket.socket(family, type_, proto)
        sock.setblocking(False)
        return sock


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An address; one of the fourth version that is written as one of the sixth is what it is."""
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


async def addresses_of(endpoints: str) -> frozenset[Address]:
    """The addresses of `host:port,host:port`, as far as their names can be told now."""
    found: set[Address] = set()
    for endpoint in endpoints.split(","):
        host, _, port = endpoint.strip().rpartition("://")[2].rpartition(":")
        if host and port.isdigit():
            found |= await _resolved(host.strip("[]"), int(port))
    return frozenset(found)


async def _resolved(host: str, port: int) -> set[Address]:
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {(str(_plain(str(info[4][0]))), port) for info in infos}


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
