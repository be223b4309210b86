"""What the deployer may do next: a closed union of steps. They are values; the executor does them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from libs.keyspace.records import Planned, Rollout


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the app, to be written once the step that caused it was done."""

    kind: str
    message: str
    release: int


@dataclass(frozen=True, slots=True)
class WriteRollout:
    """Write a rollout's record over the revision that the plan was made from (None: there was none)."""

    document: Rollout
    expect: int | None
    happening: Happening | None = None
    words_only: bool = False  # nothing but `waiting` differs: it may wait a moment


@dataclass(frozen=True, slots=True)
class ResolveImage:
    """Learn the digest and ports of a release's image, pulling it if need be."""

    release: int
    reference: str


@dataclass(frozen=True, slots=True)
class Start:
    """Ask the engine to run a planned instance, one that the store already knows."""

    release: int
    planned: Planned


@dataclass(frozen=True, slots=True)
class Retire:
    """Ask everybody to send an instance no new traffic."""

    node: str
    instance: str
    reason: str
    deadline: datetime  # for requests
    websocket_deadline: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a retiring instance."""

    instance: str
    name: str
    grace: float


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a stopped, retiring instance."""

    instance: str
    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The engine has this retiring instance no more: delete its retiring record."""

    node: str
    instance: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Write the reason, and the last lines of the instance that showed it, into a running rollout."""

    document: Rollout
    expect: int | None
    name: str = ""  # the container whose output tells more; empty: none


@dataclass(frozen=True, slots=True)
class FlipBack:
    """Point the app at the release that still runs."""

    revision: int  # of the app's record
    failed: int
    release: int
    formation: dict[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """Read the last lines of an instance that crashed, for its alarm."""

    instance: str
    name: str
    about: str  # the crash, in the alarm's words


@dataclass(frozen=True, slots=True)
class ForgetApp:
    """Nothing of a destroyed app runs any more: delete its records, the app's own last."""

    revision: int  # of the app's record


Step = WriteRollout | ResolveImage | Start | Retire | Stop | Remove | Forget | Fail | FlipBack | Quote | ForgetApp


def busy_key(step: Step) -> str:  # noqa: PLR0911 - one case a step
    """What a step that takes its time is busy with; one of a key is under way at most. Empty: it is done at once."""
    match step:
        case ResolveImage(release):
            return f"image/{release}"
        case Start(planned=planned):
            return f"instance/{planned.id}"
        case Stop(instance) | Remove(instance):
            return f"instance/{instance}"
        case Quote(instance):
            return f"lines/{instance}"
        case Fail():
            return "fail"
        case ForgetApp():
            return "app"
        case WriteRollout() | Retire() | Forget() | FlipBack():
            return ""
