"""What is wanted of HAProxy, as pure functions of the records."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from urllib.parse import urlsplit

from libs.keyspace.records import Domain, MeshMember, Service
from services.router.actual import Server, State
from services.router.names import CONTROLLER, is_address, is_host, is_name


def lawful(instance: str, service: Service) -> bool:
    """Whether HAProxy can be told of it."""
    return is_name(instance) and is_address(service.address) and 0 < service.port < 65536


def app_servers(
    services: Mapping[str, Service],
    retiring: Container[str],
    holds: Callable[[str, Service], bool],
    suspects: Container[str],
) -> dict[str, Server]:
    """One app's servers, from its published endpoints by instance id.

    Retiring ones and those that lost their address are out. Unready and suspect ones wait in `drain`, unless no other
    is there: then they are all used, for a check that fails everywhere tells more of the check than of the app. HAProxy
    watches those that have a peer to take over: the last one that serves is never taken out.
    """
    usable = {
        instance: service
        for instance, service in services.items()
        if instance not in retiring and lawful(instance, service) and holds(instance, service)
    }
    good = {instance for instance, service in usable.items() if service.ready and instance not in suspects}
    return {
        instance: Server(
            service.address,
            service.port,
            _state(serving=instance in good or not good),
            watched=instance in good and len(good) > 1,
        )
        for instance, service in usable.items()
    }


def controller_servers(members: Mapping[str, MeshMember]) -> dict[str, Server]:
    """The servers of the platform's API, from the daemons that announced themselves."""
    found = {id_: (place, m.ready) for id_, m in members.items() if is_name(id_) and (place := _place(m.url))}
    any_ready = any(ready for _, ready in found.values())
    return {id_: Server(*place, _state(serving=ready or not any_ready)) for id_, (place, ready) in found.items()}


def logger_servers(members: Mapping[str, MeshMember]) -> dict[str, Server]:
    """The servers of the loggers' tails: each is asked for by its id, whatever it says of itself."""
    return {
        id_: Server(*place, "ready")
        for id_, member in members.items()
        if is_name(id_) and member.sockets_url.startswith("ws://") and (place := _place(member.sockets_url))
    }


def _place(url: str) -> tuple[str, int] | None:
    """The address and port of a URL; None where HAProxy cannot be told of them."""
    parts = urlsplit(url)
    address = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    return (address, parts.port) if is_address(address) and parts.port else None


def hosts(apps: Container[str], names: Mapping[str, Domain], own: Mapping[str, str], platform: str) -> dict[str, str]:
    """The map of hosts. `own` are the apps' names under the platform's domain; they win over users' domains.

    The platform's own name wins over all: no user's domain can take the API's place.
    """
    wanted = {fqdn: record.app for fqdn, record in names.items() if is_host(fqdn) and record.app in apps}
    wanted.update({host: app for host, app in own.items() if is_host(host) and is_name(app)})
    wanted[platform] = CONTROLLER
    return wanted


def _state(*, serving: bool) -> State:
    return "ready" if serving else "drain"
