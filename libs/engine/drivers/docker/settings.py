"""What the Docker driver can be told beside what every daemon knows."""

from __future__ import annotations

from pydantic import Field

from libs.daemon.settings import Settings


class DockerSettings(Settings):
    """Settings of the Docker driver."""

    subnet: str = Field("", description="the instances' network, like 10.210.0.0/16; empty chooses a free one")
    address_quarantine_seconds: float = Field(300.0, ge=0, description="how long a freed address rests")
    engine_init: bool = Field(
        False, description="run docker-init as an instance's first process; the host must have it"
    )

    @classmethod
    def of(cls, settings: Settings) -> DockerSettings:
        """A service's settings, and beside them those of the driver from the environment."""
        return settings if isinstance(settings, DockerSettings) else cls(**settings.model_dump())
