"""What a follower is still to be told: bounded, and what did not fit is counted. Pure."""

from __future__ import annotations

from collections import deque

from services.controller.shapes import Shape


class Backlog:
    """Events in their order. Of a release only the newest waits; of log lines the newest `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Shape] = deque()
        self._lines = self._lost = 0

    def __bool__(self) -> bool:
        return bool(self._waiting or self._lost)

    def release(self, shape: Shape) -> None:
        """A release changed: what was still to be told of it is old."""
        news: Shape = {"event": "release", **shape}
        self._waiting = deque(one for one in self._waiting if _of_line(one) or one["version"] != news["version"])
        self._waiting.append(news)

    def line(self, shape: Shape) -> None:
        """An instance wrote a line; where there is no room the oldest is lost."""
        if self._lines == self._most:
            del self._waiting[next(at for at, one in enumerate(self._waiting) if _of_line(one))]
            self._lines -= 1
            self._lost += 1
        self._waiting.append({"event": "log", **shape})
        self._lines += 1

    def take(self, lines: int | None = None) -> list[Shape]:
        """What comes next, with at most so many log lines; first of all, how many were lost before them."""
        taken: list[Shape] = [{"event": "lost", "lines": self._lost}] if self._lost else []
        self._lost, left = 0, self._most if lines is None else lines
        while self._waiting:
            of_line = _of_line(self._waiting[0])
            if of_line and not left:
                break
            left -= of_line
            self._lines -= of_line
            taken.append(self._waiting.popleft())
        return taken


def _of_line(event: Shape) -> bool:
    return event["event"] == "log"
