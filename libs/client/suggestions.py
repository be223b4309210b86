"""What a shell may offer behind an option."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from libs.client.api.errors import ClientError
from libs.client.profile import Profiles, profile_path

SECONDS = 2.0  # nobody waits longer for a suggestion


def starting_with(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Offers those of the words that begin as what is there already."""
    fixed = tuple(words)
    return lambda incomplete: [word for word in fixed if word.startswith(incomplete)]


def app_names(incomplete: str) -> list[str]:
    """The names of the user's apps that begin so; none where the controller cannot be asked."""
    import asyncio  # noqa: PLC0415 - only for a suggestion

    from libs.client.api.client import open_client  # noqa: PLC0415

    async def ask() -> list[str]:
        profile = Profiles(profile_path(os.environ)).load()
        async with (
            asyncio.timeout(SECONDS),
            open_client(profile.controller, token=profile.token, ssl_verify=profile.ssl_verify) as client,
        ):
            return [app.id for app in (await client.apps.list(1000)).results]

    try:
        return [name for name in asyncio.run(ask()) if name.startswith(incomplete)]
    except (ClientError, TimeoutError):
        return []
