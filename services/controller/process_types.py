"""Which process types a build has, and what a formation comes to with it. Pure; API and deployer go by it alike."""

from __future__ import annotations

from collections.abc import Mapping

from libs.keyspace.records import ROUTED_TYPES, Build


def types(build: Build) -> set[str]:
    """The process types that a build can run: those of its procfile, the image's own command, its default's."""
    return {"cmd", *build.procfile, *default_formation(build)}


def default_formation(build: Build) -> dict[str, int]:
    """What an app that was never scaled runs once it has a build (v1's rule)."""
    if not build.sha or (build.dockerfile and not build.procfile):
        return {"cmd": 1}
    if build.procfile and "web" not in build.procfile:
        return {"cmd": 1}
    return {"web": 1}


def fitted(formation: Mapping[str, int], build: Build) -> dict[str, int]:
    """What of the formation this build runs: the types that it has.

    Where the only types that answer requests are not among them, its default one answers instead: no deploy leaves an
    app that was reachable without an instance.
    """
    kept = {type_: count for type_, count in formation.items() if type_ in types(build)}
    if _answering(formation) and not _answering(kept):
        return {**kept, **default_formation(build)}
    return kept


def dropped(formation: Mapping[str, int], build: Build) -> dict[str, int]:
    """What of the formation this build has no process type for."""
    known = types(build)
    return {type_: count for type_, count in sorted(formation.items()) if count > 0 and type_ not in known}


def _answering(formation: Mapping[str, int]) -> int:
    return sum(count for type_, count in formation.items() if type_ in ROUTED_TYPES)
