"""The log agent's settings."""

from __future__ import annotations

from pydantic import Field

from libs.daemon import Settings


class LogAgentSettings(Settings):
    """How far back it goes, how patient it is, and what it shows to the loggers."""

    log_agent_refill_lines: int = Field(
        10_000, ge=0, description="lines of an instance that are sent again to a logger that lost its memory"
    )
    log_agent_stall_seconds: float = Field(
        10.0, gt=0, description="how long an instance's open output may wait while the logger takes nothing"
    )
    log_agent_hold_seconds: float = Field(
        10.0, ge=0, description="how long a logger without a record keeps its apps before another one gets their lines"
    )
    log_agent_canary_seconds: float = Field(
        10.0, ge=0, description="between two lines of the canary, at each logger; 0: none"
    )
    internal_token: str = Field(
        "", repr=False, description="token between daemons; empty: the file secrets/internal.token in home"
    )
