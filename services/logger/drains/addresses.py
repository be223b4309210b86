"""What an address says by itself: whose it is, what it leads to, and whether a receiver can be there at all."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

THIS_HOST = ip_network("0.0.0.0/8")  # RFC 791, 1122 §3.2.1.3
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
# Where clouds tell their machines what nobody else may know, beside 169.254.169.254 and what else is of the link.
METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
            "fd00:42::42",  # Scaleway
            "fd00:ec2::23",  # Amazon, for pods
            "fd00:ec2::254",  # Amazon
            "fd20:ce::254",  # Google
        ),
    )
)


def plain(address: str) -> Ip:
    """An address; one of the fourth version that is written as one of the sixth is what it is."""
    found = ip_address(address.partition("%")[0])
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def faces(address: str) -> tuple[Ip, ...]:
    """An address, and those of the fourth version to which what is sent there is brought on: NAT64, 6to4, Teredo."""
    found = plain(address)
    if isinstance(found, IPv4Address):
        return (found,)
    within = [*(found.teredo or ()), *([found.sixtofour] if found.sixtofour else [])]
    if found in NAT64:
        within.append(IPv4Address(int(found) & 0xFFFFFFFF))
    return (found, *within)


def forbidden(address: Ip) -> str:
    """Why no receiver can be at an address, by what it is; empty: there can be."""
    if (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address in THIS_HOST
    ):
        return "is an address of this host or link"
    if address in METADATA:
        return "is a cloud's address for its machines' own data"
    # Of ::/8 are the other forms that hold one of the fourth version: `::a.b.c.d`, `::ffff:0:a.b.c.d`, 64:ff9b:1::/48.
    if (address.is_reserved and address not in NAT64) or (isinstance(address, IPv6Address) and address.is_site_local):
        return "is an address that no receiver has"
    return ""


def is_own(address: Ip) -> bool:
    """Whether it is this host's: then the kernel sends from that address itself. Asked of it, nothing is sent.

    So nobody can tell by trying whether something listens there. Raises `OSError` where no way leads there.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((str(address), 9))
        return plain(sock.getsockname()[0]) == address


def leads_home(address: str) -> bool:
    """Whether it is this host's, or leads to one that is. Raises `OSError` where no way leads there."""
    first, *within = faces(address)
    if is_own(first):
        return True
    for face in within:
        try:
            if is_own(face):
                return True
        except OSError as error:  # a host of the sixth version alone has no way of its own there
            if error.errno not in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT}:
                raise
    return False


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of `10.0.0.0/8,fd00::/8`; raises `ValueError`."""
    try:
        return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise ValueError(
            f"DEIS_LOGGER_DRAIN_BARRED has what is no network: {error}; write them as 10.0.0.0/8,fd00::/8"
        ) from error
