"""How things look in v1's answers: the same fields, in the same order, with its dates."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from libs.keyspace.records import App, Build, Cert, Config, Domain, Drain, Event, Release, SshKey, User
from services.controller.processes import Process
from services.controller.standing import Standing
from services.controller.tokens import Held

Shape = dict[str, JsonValue]


def date(at: datetime) -> str:
    """`2016-02-01T12:34:56UTC`: v1's form of a time."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19] + "UTC"  # a third of the time that strftime takes


def user_date(at: datetime) -> str:
    """`2016-02-01T12:34:56.123456Z`: v1's form of a time in an account."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def of_user(user: User) -> Shape:
    """An account; never its password's hash."""
    return {
        "email": user.email,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_superuser": user.is_superuser,
        "is_staff": user.is_staff,
        "groups": [],
        "user_permissions": [],
        "last_login": user_date(user.last_login or user.date_joined),
        "date_joined": user_date(user.date_joined),
        "is_active": user.is_active,
    }


def of_token(held: Held, *, shown: str) -> Shape:
    """A token, never its text; `shown`: the hash of the one that the request shows."""
    return {
        "id": held.id,
        "name": held.token.name,
        "created": date(held.token.created),
        "last_used": None if held.token.used is None else date(held.token.used),
        "current": held.sha256 == shown,
    }


def of_app(app: App, domain: str, structure: Mapping[str, int]) -> Shape:
    """An app; `domain` is the platform's, `structure` what of the app's formation its build runs."""
    return {
        "uuid": app.uuid,
        "id": app.id,
        "owner": app.owner,
        "url": f"{app.id}.{domain}",
        "structure": dict(structure),
        "created": date(app.created),
        "updated": date(app.updated),
    }


def of_config(app: App, config: Config, values: Mapping[str, str]) -> Shape:
    """A config with its values in the clear."""
    return {
        "uuid": config.uuid,
        "app": app.id,
        "owner": config.owner,
        "values": dict(values),
        "memory": dict(config.memory),
        "cpu": dict(config.cpu),
        "tags": dict(config.tags),
        "healthcheck": dict(config.healthcheck),
        "created": date(config.created),
        "updated": date(config.created),
    }


def of_build(build: Build) -> Shape:
    """A build."""
    return {
        "owner": build.owner,
        "app": build.app,
        "image": build.image,
        "sha": build.sha,
        "procfile": dict(build.procfile),
        "dockerfile": build.dockerfile,
        "created": date(build.created),
        "updated": date(build.created),
        "uuid": build.uuid,
    }


def of_release(release: Release, standing: Standing) -> Shape:
    """A release, and what has become of it: v1 did not tell."""
    created = date(release.created)
    return {
        "uuid": release.uuid,
        "app": release.app,
        "owner": release.owner,
        "created": created,
        "updated": created,
        "version": release.number,
        "summary": release.summary,
        "config": release.config.uuid,
        "build": release.build,
        "state": standing.state,
        "reason": standing.reason,
    }


def of_process(app: App, process: Process) -> Shape:
    """A container."""
    return {
        "owner": app.owner,
        "app": app.id,
        "release": f"v{process.release}",
        "type": process.type,
        "num": process.number,
        "state": process.state,
        "created": date(process.created),
        "updated": date(process.updated),
        "uuid": process.uuid,
        "ready": process.ready,
        "reason": process.reason,
        "last_lines": [*process.last_lines],
    }


def of_domain(domain: Domain) -> Shape:
    """A domain of an app."""
    return {
        "owner": domain.owner,
        "created": date(domain.created),
        "updated": date(domain.created),
        "app": domain.app,
        "domain": domain.domain,
    }


def of_key(key: SshKey) -> Shape:
    """A public key."""
    return {
        "uuid": key.uuid,
        "owner": key.owner,
        "fingerprint": key.fingerprint,
        "created": date(key.created),
        "updated": date(key.created),
        "id": key.id,
        "public": key.public,
    }


def of_cert(cert: Cert) -> Shape:
    """A certificate; neither it nor its key. Its `id` says no more than its name, in 31 bits: clients' integers."""
    return {
        "id": zlib.crc32(cert.common_name.encode()) & 0x7FFF_FFFF,
        "owner": cert.owner,
        "expires": date(cert.expires),
        "created": date(cert.created),
        "updated": date(cert.created),
        "common_name": cert.common_name,
        "subject_alt_names": [*cert.names],
        "fingerprint": cert.fingerprint,
    }


def of_drain(drain: Drain, state: Shape | None) -> Shape:
    """A drain; none of its secrets."""
    return {
        "id": drain.id,
        "app": drain.app,
        "owner": drain.owner,
        "url": drain.url,
        "token": drain.token,
        "select": dict(drain.select),
        "created": date(drain.created),
        "client_certificate": bool(drain.client_certificate),
        "state": state,
    }


def of_event(id_: str, event: Event) -> Shape:
    """Something that happened to an app."""
    return {
        "id": id_,
        "app": event.app,
        "kind": event.kind,
        "by": event.by,
        "token": None if event.token is None else {"id": event.token.id, "name": event.token.name},
        "message": event.message,
        "release": None if event.release is None else f"v{event.release}",
        "created": date(event.at),
    }
