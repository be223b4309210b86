"""The last applied picture on disk, and HAProxy's files rendered from it.

HAProxy, when it is started again, and a host that boots without etcd, serve what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import TypeAdapter, ValidationError

from services.router.actual import Actual, Server
from services.router.configuration import kept, render, render_map
from services.router.files import Files, replace
from services.router.names import is_address, is_host, is_name
from services.router.structure import PLATFORM, Structure

log = structlog.get_logger("router")

_PICTURE = TypeAdapter(Actual)


def save(structure: Structure, picture: Actual) -> None:
    """Write the picture, the maps and the configuration; the last one last. Raises `OSError`."""
    files = structure.files
    files.home.mkdir(parents=True, exist_ok=True)
    remembered = kept(picture, structure)
    replace(files.picture, _PICTURE.dump_json(remembered, indent=1).decode() + "\n")
    replace(files.hosts, render_map(remembered.hosts))
    replace(files.slots, render_map(remembered.slots))
    replace(files.timeouts, render_map(remembered.timeouts))
    replace(files.configuration, render(structure, remembered))


def load(files: Files) -> Actual:
    """The saved picture; an empty one when there is none, or when the file is damaged."""
    try:
        picture = _PICTURE.validate_json(files.picture.read_bytes())
    except FileNotFoundError:
        return Actual()
    except ValidationError as error:
        log.warning("the saved picture is damaged; begins with an empty one", file=str(files.picture), error=str(error))
        return Actual()
    return Actual(
        hosts={host: app for host, app in picture.hosts.items() if is_host(host) and _is_owner(app)},
        slots={app: backend for app, backend in picture.slots.items() if _is_owner(app) and is_name(backend)},
        servers={backend: _lawful(servers) for backend, servers in picture.servers.items()},
        timeouts={app: text for app, text in picture.timeouts.items() if is_name(app) and text.isdecimal()},
    )


def _is_owner(app: str) -> bool:
    return app in PLATFORM or is_name(app)


def _lawful(servers: Mapping[str, Server]) -> dict[str, Server]:
    return {name: server for name, server in servers.items() if is_name(name) and is_address(server.address)}
