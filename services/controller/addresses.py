"""Where a request comes from, seen past the platform's own routers. Pure.

A router deletes the `X-Forwarded-For` that a client sent, and writes the address that it saw (behind a balancer that
`DEIS_ROUTER_TRUSTED` names it appends). The header counts only when the request comes from where a router may be: this
host, or one of the platform's nodes. A process there can name any address; it is counted by its account all the same.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded: Sequence[str], hosts: Container[str], trusted: Iterable[Network] = ()) -> str:
    """The client's address, in one spelling; a peer that is no address (a socket file) as it is.

    `peer`: who is connected; `forwarded`: the values of `X-Forwarded-For`; `hosts`: addresses of the platform's hosts;
    `trusted`: networks of the balancers in front of its routers.
    """
    sender = parsed(peer)
    if sender is None or not (sender.is_loopback or str(sender) in hosts):
        return peer if sender is None else str(sender)
    balancers = tuple(trusted)
    client = sender
    for word in reversed(",".join(forwarded).split(",")):
        nearer = parsed(word)
        if nearer is None:
            break
        client = nearer
        if not any(client in network for network in balancers):
            break
    return str(client)


def parsed(text: str) -> Address | None:
    """An address, an IPv4 one also where it was written as IPv6 (`::ffff:192.0.2.1`); None for anything else."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def networks(text: str) -> tuple[Network, ...]:
    """Networks written as CIDR, comma separated; raises `ValueError`."""
    return tuple(ipaddress.ip_network(word.strip(), strict=False) for word in text.split(",") if word.strip())
