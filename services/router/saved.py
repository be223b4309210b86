"""The last applied picture on disk, and HAProxy's files rendered from it.

HAProxy, when it is started again, and a host that boots without etcd, serve what stands here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

from services.router.actual import Actual, Server
from services.router.configuration import kept, render, render_map
from services.router.files import Files, replace
from services.router.names import is_address, is_host, is_name
from services.router.structure import Structure

log = structlog.get_logger("router")

_SHAPE: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(dict[str, dict[str, Any]])


def save(structure: Structure, picture: Actual) -> None:
    """Write the picture, the maps and the configuration; the last one last. Raises `OSError`."""
    files = structure.files
    files.home.mkdir(parents=True, exist_ok=True)
    remembered = kept(picture, structure)
    replace(files.picture, json.dumps(asdict(remembered), indent=1, sort_keys=True) + "\n")
    replace(files.hosts, render_map(remembered.hosts))
    replace(files.slots, render_map(remembered.slots))
    replace(files.configuration, render(structure, remembered))


def load(files: Files) -> Actual:
    """The saved picture; an empty one when there is none, or when the file is damaged."""
    try:
        shape = _SHAPE.validate_json(files.picture.read_bytes())
        return Actual(
            hosts={h: a for h, a in shape["hosts"].items() if is_host(h) and isinstance(a, str)},
            slots={a: b for a, b in shape["slots"].items() if isinstance(b, str)},
            servers={backend: _servers(those) for backend, those in shape["servers"].items()},
        )
    except FileNotFoundError:
        return Actual()
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        log.warning(
            "the saved picture is damaged; starting from an empty one", file=str(files.picture), error=str(error)
        )
        return Actual()


def _servers(those: Mapping[str, Any]) -> dict[str, Server]:
    servers = {name: Server(str(each["address"]), int(each["port"]), "ready") for name, each in those.items()}
    return {name: server for name, server in servers.items() if is_name(name) and is_address(server.address)}
