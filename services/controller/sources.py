"""Where a build's image comes from. Pure."""

from __future__ import annotations

from libs.keyspace.records import Build


def source_of(build: Build) -> str:
    """The image that a build names, as its registry is asked for it.

    Without a tag it is the one that the builder gives to what it built, or by itself the engine's `latest` (v1's rule).
    """
    last = build.image.rpartition("/")[2]
    return build.image if not build.sha or ":" in last or "@" in last else f"{build.image}:git-{build.sha}"
