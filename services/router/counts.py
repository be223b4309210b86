"""What is in flight on a server, by kind, counted from HAProxy's answers."""

from __future__ import annotations

from dataclasses import dataclass

from services.router import answers

TABLE = "websockets"  # the table in which HAProxy counts tunnels by server: upgraded connections and CONNECT's
TUNNELS = f"show table {TABLE} data.conn_cur gt 0"


@dataclass(frozen=True, slots=True)
class Count:
    """Requests and WebSockets in flight together, and how many of them are WebSockets."""

    total: int = 0
    websockets: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.total + other.total, self.websockets + other.websockets)

    @property
    def only_websockets(self) -> bool:
        """Whether no request is in flight any more."""
        return 0 < self.total <= self.websockets


def counted(stats: list[str], tunnels: str) -> dict[tuple[str, str], Count]:
    """By (back end, server), from `show stat` of some back ends and then `show table`; raises `BadAnswer`.

    One that ended between the two questions is taken for a request until the next look.
    """
    websockets = answers.websockets(tunnels)
    totals = {key: total for answer in stats for key, total in answers.sessions(answer).items()}
    return {key: Count(total, min(total, websockets.get(key[1], 0))) for key, total in totals.items()}
