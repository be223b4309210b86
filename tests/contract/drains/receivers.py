"""Real receivers of each kind of drain, all with one face: where they are, what they got, and how they misbehave."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from tests.integration.logger.drained import numbers_of
from tests.integration.logger.endpoint import Endpoint, serving
from tests.support.certificates import Made, make_certificate
from tests.support.ports import free_port
from tests.support.rsyslog import Rsyslog, running_rsyslog


class Receiver(Protocol):
    """One receiver. What it got is kept while it is away."""

    url: str
    ca: str  # PEM; empty where there is no TLS

    def running(self) -> AbstractAsyncContextManager[object]:
        """It runs while the body does."""
        ...

    def hang(self) -> None:
        """Take nothing more, and say nothing."""
        ...

    def go_on(self) -> None:
        """Take what comes again."""
        ...

    def texts(self) -> list[bytes]:
        """The texts of all messages so far, in the order in which they came."""
        ...


class Syslogd:
    """rsyslog, over TCP or TLS."""

    def __init__(self, folder: Path, scheme: str, made: Made | None) -> None:
        self._folder = folder
        self._made = made
        self._port = free_port()
        self._running: Rsyslog | None = None
        self.url = f"{scheme}://localhost:{self._port}"
        self.ca = made.pem if made else ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """See `Receiver`."""
        async with running_rsyslog(self._folder / "rsyslog", self._port, own=self._made) as self._running:
            try:
                yield
            finally:
                self.go_on()

    def hang(self) -> None:
        """See `Receiver`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """See `Receiver`."""
        self._signal(signal.SIGCONT)

    def texts(self) -> list[bytes]:
        """See `Receiver`."""
        return [line["text"].encode() for line in self._running.lines()] if self._running else []

    def _signal(self, signal_: signal.Signals) -> None:
        assert self._running is not None
        self._running.signal(signal_)


class Web:
    """An HTTP server, with or without TLS."""

    def __init__(self, folder: Path, scheme: str, made: Made | None) -> None:
        self._endpoint = Endpoint()
        self._context = serving(made, folder) if made else None
        self.url = f"{scheme}://localhost:{self._endpoint.port}/in"
        self.ca = made.pem if made else ""

    def running(self) -> AbstractAsyncContextManager[None]:
        """See `Receiver`."""
        return self._endpoint.listening(self._context)

    def hang(self) -> None:
        """See `Receiver`."""
        self._endpoint.answering.clear()

    def go_on(self) -> None:
        """See `Receiver`."""
        self._endpoint.answering.set()

    def texts(self) -> list[bytes]:
        """See `Receiver`."""
        return self._endpoint.messages()


def _made() -> Made:
    return make_certificate("localhost", ["localhost"])


# By scheme; a kind whose schemes are not all here fails the contract.
RECEIVERS: dict[str, Callable[[Path], Receiver]] = {
    "syslog": lambda folder: Syslogd(folder, "syslog", None),
    "syslog+tls": lambda folder: Syslogd(folder, "syslog+tls", _made()),
    "http": lambda folder: Web(folder, "http", None),
    "https": lambda folder: Web(folder, "https", _made()),
}


def numbers(receiver: Receiver) -> list[int]:
    """The numbers of the lines that it got."""
    return numbers_of(receiver.texts())
