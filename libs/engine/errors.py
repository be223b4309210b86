"""What can go wrong at the engine, named for the fact."""

from __future__ import annotations


class EngineError(Exception):
    """Something about the engine."""


class EngineUnavailable(EngineError):
    """The engine did not answer, or not in time: the state is unknown, so hold what is."""


class ImageNotFound(EngineError):
    """The image cannot be had; `reason` is the engine's own words."""

    def __init__(self, image: str, reason: str) -> None:
        super().__init__(f"image {image} cannot be had: {reason}")
        self.image = image
        self.reason = reason


class InstanceRefused(EngineError):
    """The engine will not run this instance (no such command, bad limits, …); `reason` is its own words."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"instance {name} was refused: {reason}")
        self.name = name
        self.reason = reason


class ExecTimedOut(EngineError):
    """A command in an instance did not end in time; `seconds` were given to it."""

    def __init__(self, name: str, command: tuple[str, ...], seconds: float) -> None:
        super().__init__(f"{' '.join(command)!r} in {name} did not end within {seconds:g} s")
        self.name = name
        self.command = command
        self.seconds = seconds


class AddressesExhausted(EngineError):
    """No address is free on the platform's network (those in quarantine count as taken)."""

    def __init__(self, subnet: str) -> None:
        super().__init__(
            f"no address is free in {subnet}; wait for the quarantine to end, or give the platform a larger subnet"
        )
        self.subnet = subnet
