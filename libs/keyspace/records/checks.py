"""Health checks: the probes of an instance, in the platform's own words; users' words are the API's."""

from __future__ import annotations

from pydantic import Field

from libs.keyspace.document import Part


class HttpHeader(Part):
    """One header of an HTTP probe."""

    name: str
    value: str


class HttpAction(Part):
    """Passes when `GET path` answers with a status in `expected` (inclusive range)."""

    path: str = "/"
    port: int | None = None  # None: the instance's own port
    headers: tuple[HttpHeader, ...] = ()
    expected: tuple[int, int] = (200, 399)


class TcpAction(Part):
    """Passes when a TCP connection is accepted."""

    port: int | None = None


class ExecAction(Part):
    """Passes when a command inside the container exits 0."""

    command: tuple[str, ...]


class StaysUp(Part):
    """Passes once the process has run for `seconds` without an exit: for types without a port."""

    seconds: float = 5.0


class Check(Part):
    """One probe of one instance. Exactly one of the actions is set.

    Defaults (architecture, table of defaults): period 10 s, timeout 1 s, three failures to fail, one to pass.
    """

    http: HttpAction | None = None
    tcp: TcpAction | None = None
    exec: ExecAction | None = None
    stays_up: StaysUp | None = None
    initial_delay_seconds: float = Field(0.0, ge=0)
    period_seconds: float = Field(10.0, gt=0)
    timeout_seconds: float = Field(1.0, gt=0)
    success_threshold: int = Field(1, ge=1)
    failure_threshold: int = Field(3, ge=1)


class Checks(Part):
    """The probes of one instance, as those of Kubernetes.

    `startup`: until it passed once in a run, the others wait; one that did not pass within its initial delay and
    `failure_threshold` periods makes the instance not live. `readiness`: send it traffic. `liveness`: else
    replace it; without one an instance that runs is live. A None readiness stands for what the instance has: a TCP
    connect to its port, or staying up.
    """

    startup: Check | None = None
    readiness: Check | None = None
    liveness: Check | None = None
