"""Names to addresses: the system's resolver, except that `localhost` and what is below it never leave the machine."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def is_loopback_name(host: str) -> bool:
    """Whether RFC 6761, section 6.3, gives the name to the loopback: `localhost` and every name under it."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost")


class LoopbackResolver(AbstractResolver):
    """Answers `*.localhost` with 127.0.0.1 and ::1 itself: many systems' resolvers know the bare name only."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Both loopback addresses, IPv4 first, so that a listener on either one is found."""
        if not is_loopback_name(host):
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in LOOPBACK
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Release the system's resolver."""
        await self._system.close()
