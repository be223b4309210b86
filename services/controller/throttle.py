"""How often a wrong password may be tried, by account and by client address; what else may be had so often only.

Pure apart from its clock.

Two counters beside each other, each a leaky bucket (GCRA, ITU-T I.371): one number a key. The package `limits` does not
fit: its store in memory has no bound, and starts at each count a task of its own that goes through all keys in threads.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from services.controller.errors import Throttled

ROOM = 20_000  # keys of each counter. Hashing allows some 80 failures a second, so one pushes out what is minutes old
OF_ACCOUNT = (10, 60.0)  # failures at once, and the seconds after which there may be one more
OF_ADDRESS = (30, 10.0)  # many people may be behind one address


class Allowance:
    """So much by key: `burst` at once, then one each `period` seconds. Of too many keys the oldest goes."""

    def __init__(self, burst: int, period: float, room: int = ROOM) -> None:
        self._period = period
        self._slack = (burst - 1) * period
        self._room = room
        self._forgiven: OrderedDict[bytes, float] = OrderedDict()  # when the last one of each is forgiven

    def __len__(self) -> int:
        return len(self._forgiven)

    def wait(self, key: bytes, now: float) -> float:
        """Seconds until there may be another one; 0 or less: now."""
        return self._forgiven.get(key, now) - now - self._slack

    def add(self, key: bytes, now: float) -> None:
        """One more."""
        self._forgiven[key] = max(self._forgiven.get(key, now), now) + self._period
        self._forgiven.move_to_end(key)
        while len(self._forgiven) > self._room or next(iter(self._forgiven.values())) <= now:
            self._forgiven.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Forgive them all."""
        self._forgiven.pop(key, None)


class Throttle:
    """Refuses attempts at passwords after too many failures. Each controller counts what it saw itself.

    Names that are nobody's count as any other. What is right does not count, and clears its account; its address keeps
    its failures, or one good account of its own would let it try all the others.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._accounts = Allowance(*OF_ACCOUNT)
        self._addresses = Allowance(*OF_ADDRESS)

    def check(self, account: str, address: str) -> None:
        """Raise `Throttled` when there may be no attempt now."""
        now = self.clock()
        wait = max(
            self._accounts.wait(mark(account), now),
            self._addresses.wait(mark(neighbourhood(address)), now),
        )
        if wait > 0:
            raise Throttled(wait)

    def failed(self, account: str, address: str) -> None:
        """An attempt was wrong."""
        now = self.clock()
        self._accounts.add(mark(account), now)
        self._addresses.add(mark(neighbourhood(address)), now)

    def succeeded(self, account: str) -> None:
        """An attempt was right."""
        self._accounts.forget(mark(account))


def neighbourhood(address: str) -> str:
    """What counts as one client: an IPv4 address, and of IPv6 the /64 network, which is one site's (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False)) if parsed.version == 6 else address


def mark(text: str) -> bytes:
    """A key of one size, however long a name somebody gave."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
