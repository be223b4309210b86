"""What an operator may set for the publisher."""

from __future__ import annotations

from pydantic import ByteSize, Field

from libs.daemon import Settings


class PublisherSettings(Settings):
    """Where the node is and how often it is looked at when nothing happens."""

    publisher_look_seconds: float = Field(10.0, gt=0, description="longest time between two looks at the engine")
    publisher_reserved_memory: ByteSize | None = Field(
        None,
        ge=0,
        description="the node's memory that is not for instances, like 512MiB; by default a tenth, at most 512 MiB",
    )
    node_tags: dict[str, str] = Field(default_factory=dict, description="the node's tags, as a JSON object")
