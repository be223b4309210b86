"""What an operator may set for the health checker."""

from __future__ import annotations

from pydantic import Field

from libs.daemon import Settings


class HealthCheckerSettings(Settings):
    """How much the checker does at a time."""

    probes_in_flight: int = Field(
        256, ge=1, description="probes of each kind at a time; further ones wait for their turn"
    )
    execs_in_flight: int = Field(
        4, ge=1, description="commands of exec checks at a time; each costs the engine a process"
    )
