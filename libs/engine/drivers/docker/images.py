"""Images by reference: what the engine has, else a pull."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from libs.engine.drivers.docker.wire import NoAnswer, Refusal, Wire, json_values
from libs.engine.engine import Image
from libs.engine.errors import EngineUnavailable, ImageNotFound
from libs.engine.references import is_id, is_plausible, normal, split

STALL_SECONDS = 300.0  # a pull that says nothing for so long has failed


class DockerImages:
    """The `Images` of one Docker Engine."""

    def __init__(self, wire: Wire, *, stall_seconds: float = STALL_SECONDS) -> None:
        self._wire = wire
        self._stall_seconds = stall_seconds

    async def resolve(self, reference: str) -> Image:
        """See `Images.resolve`. A name without a tag means `latest`, as in v1."""
        if not is_plausible(reference):
            raise ImageNotFound(reference, "invalid reference format")
        wanted = normal(reference)
        found = await self._inspect(wanted)
        if found is None and not is_id(wanted):
            await self._pull(wanted)
            found = await self._inspect(wanted)
        if found is None:
            raise ImageNotFound(reference, f"No such image: {wanted}")
        return as_image(found, wanted)

    async def _inspect(self, reference: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._wire.ask("GET", f"images/{reference}/json")
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            if refusal.status < 500:
                raise ImageNotFound(reference, refusal.words) from refusal
            raise EngineUnavailable(f"the engine would not show image {reference}: {refusal}") from refusal
        return found

    async def _pull(self, reference: str) -> None:
        name, version = split(reference)
        query = {"fromImage": name, "tag": version}
        # An unreachable registry's words are like those of an engine in trouble: nobody must wait for that for ever.
        pull = self._wire.stream("POST", "images/create", query=query, seconds=self._stall_seconds, dying=())
        try:
            async with (
                pull as chunks,
                aclosing(json_values(chunks)) as values,
            ):
                while (progress := await self._next(values)) is not None:
                    if "error" in progress:
                        raise ImageNotFound(reference, str(progress["error"]).strip())
        except NoAnswer as error:
            raise ImageNotFound(reference, f"the pull made no progress in {self._stall_seconds:g} s") from error
        except Refusal as refusal:
            raise ImageNotFound(reference, refusal.words) from refusal

    async def _next(self, values: AsyncGenerator[Any, None]) -> Any:
        try:
            async with asyncio.timeout(self._stall_seconds):
                return await anext(values, None)
        except TimeoutError as error:
            raise NoAnswer("no progress") from error


def as_image(found: dict[str, Any], reference: str) -> Image:
    """An inspected image. Its digest is its registry's, which any host can pull; its own id where it came from none."""
    name, _ = split(reference)
    config = found.get("Config") or {}
    digests = [digest for digest in found.get("RepoDigests") or () if split(digest)[0] == name]
    ports = [port.partition("/") for port in config.get("ExposedPorts") or ()]
    return Image(
        digest=digests[0] if digests else found["Id"],
        ports=tuple(sorted(int(number) for number, _, kind in ports if kind in {"tcp", ""} and number.isdigit())),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
    )
