"""What a shell may offer behind an option or in place of an argument."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from libs.client.api.client import Client

SECONDS = 2.0  # nobody waits longer for a suggestion
MOST = 1000

Suggest = Callable[[typer.Context, str], list[str]]
Asked = dict[str, Any]  # what stands on the command line already, by parameter; `app` is the app that is meant


def starting_with(words: Iterable[str]) -> Callable[[str], list[str]]:
    """Offers those of the words that begin as what is there already."""
    fixed = tuple(words)
    return lambda incomplete: [word for word in fixed if word.startswith(incomplete)]


def from_controller(question: Callable[[Client, Asked], Awaitable[Iterable[str]]], *, of_app: bool = True) -> Suggest:
    """Offers what the controller answers within `SECONDS`; nothing where it does not, or cannot be asked.

    `of_app` says that the question is about an app, which is then known.
    """

    def suggest(context: typer.Context, incomplete: str) -> list[str]:
        import asyncio  # noqa: PLC0415 - only for a suggestion

        from libs.client.api.client import open_client  # noqa: PLC0415
        from libs.client.invocation import invocation  # noqa: PLC0415

        async def ask() -> Iterable[str]:
            call = invocation(os.environ)
            profile = call.profile()
            asked = {**context.params, **({"app": call.app(context.params.get("app"))} if of_app else {})}
            async with (
                asyncio.timeout(SECONDS),
                open_client(profile.controller, token=profile.token, ssl_verify=profile.ssl_verify) as client,
            ):
                return await question(client, asked)

        try:
            return [word for word in asyncio.run(ask()) if word.startswith(incomplete)]
        except Exception:  # noqa: BLE001 - whatever went wrong, a shell that completes must show none of it
            return []

    return suggest


async def _apps(client: Client, _: Asked) -> Iterable[str]:
    return [app.id for app in (await client.apps.list(MOST)).results]


async def _types(client: Client, asked: Asked) -> Iterable[str]:
    return sorted((await client.apps.get(asked["app"])).structure)


async def _counts(client: Client, asked: Asked) -> Iterable[str]:
    return [f"{type_}={count}" for type_, count in sorted((await client.apps.get(asked["app"])).structure.items())]


async def _processes(client: Client, asked: Asked) -> Iterable[str]:
    processes = (await client.processes.list(asked["app"], MOST)).results
    return [*sorted({one.type for one in processes}), *(one.name for one in processes)]


async def _releases(client: Client, asked: Asked) -> Iterable[str]:
    return [f"v{release.version}" for release in (await client.releases.list(asked["app"])).results]


async def _config_keys(client: Client, asked: Asked) -> Iterable[str]:
    return sorted((await client.config.get(asked["app"])).values)


async def _tags(client: Client, asked: Asked) -> Iterable[str]:
    return sorted((await client.config.get(asked["app"])).tags)


async def _domains(client: Client, asked: Asked) -> Iterable[str]:
    return [domain.domain for domain in (await client.domains.list(asked["app"], MOST)).results]


async def _drains(client: Client, asked: Asked) -> Iterable[str]:
    return [drain.id for drain in (await client.drains.list(None if asked.get("platform") else asked["app"])).results]


async def _certs(client: Client, _: Asked) -> Iterable[str]:
    return [cert.common_name for cert in (await client.certs.list(MOST)).results]


async def _keys(client: Client, _: Asked) -> Iterable[str]:
    return [key.id for key in (await client.keys.list(MOST)).results]


async def _tokens(client: Client, _: Asked) -> Iterable[str]:
    tokens = (await client.tokens.list(MOST)).results
    return [token.name for token in tokens if token.name] + [token.id for token in tokens]


async def _users(client: Client, _: Asked) -> Iterable[str]:
    return [user.username for user in (await client.users.list(MOST)).results]


async def _collaborators(client: Client, asked: Asked) -> Iterable[str]:
    if asked.get("admin"):
        return [user.username for user in (await client.perms.administrators(MOST)).results]
    return await client.perms.of_app(asked["app"])


app_names = from_controller(_apps, of_app=False)
cert_names = from_controller(_certs, of_app=False)
collaborators = from_controller(_collaborators)
config_keys = from_controller(_config_keys)
drain_names = from_controller(_drains)
domain_names = from_controller(_domains)
key_names = from_controller(_keys, of_app=False)
process_counts = from_controller(_counts)
process_names = from_controller(_processes)
process_types = from_controller(_types)
release_names = from_controller(_releases)
tag_names = from_controller(_tags)
token_names = from_controller(_tokens, of_app=False)
user_names = from_controller(_users, of_app=False)
