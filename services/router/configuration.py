"""HAProxy's configuration and maps, rendered from the structure and the last applied picture.

Every choice here was tried on HAProxy 2.6.12. What is retried: a connection that could not be made, for every method,
since the app has not seen the request; an answer that never began, for idempotent methods alone (RFC 9110, 9.2.2).

HAProxy logs to nobody but the daemon, over two datagram sockets that it may bind: servers found down, and requests that
no app answered, in the words that `hearing` reads. Without a listener, or with a slow one, a line is lost and nothing
waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from services.router.actual import Actual
from services.router.commands import BY_NAME, PURGE, WATCH
from services.router.counts import TABLE
from services.router.names import CONTROLLER, endpoint
from services.router.structure import CONTROLLER_BACKEND, LOGGERS_BACKEND, PLATFORM, Structure

TUNNEL = "{ status 101 } or { method CONNECT } { status 200:299 }"
OK = "status 200 content-type text/plain string ok"
NO_APP = "There is no app at this address."
ASLEEP = "This app is not running at the moment. Please try again in a while."
NO_ANSWER = "This app did not answer. Please try again in a while."
TOO_SLOW = "This app took too long to answer."
NO_LOGGER = "This logger is not here at the moment; ask for a new ticket."
A_TAIL = "{ path -m reg ^/logs/[A-Za-z0-9][A-Za-z0-9_.-]*/tail$ }"  # proto/log-tail.md


def render(structure: Structure, picture: Actual) -> str:
    """`haproxy.cfg`. Its description carries the structure's digest, so that a running HAProxy tells which it has."""
    return _render(structure, picture, digest(structure))


def digest(structure: Structure) -> str:
    """What tells one structure from another: a hash of the configuration without any server."""
    return hashlib.sha256(_render(structure, Actual(), "").encode()).hexdigest()[:16]


def render_map(entries: Mapping[str, str]) -> str:
    """A map file."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items()))


def kept(picture: Actual, structure: Structure) -> Actual:
    """The part of a picture that a fresh HAProxy is to begin with: servers in rotation, in back ends that exist.

    All of them are watched there, for what is written as not watched could not be watched later.
    """
    backends = {*structure.backends, *PLATFORM.values()}
    servers = {
        backend: serving
        for backend, those in picture.servers.items()
        if backend in backends and (serving := {n: s for n, s in those.items() if s.serving})
    }
    return replace(picture, servers=servers, slots={a: b for a, b in picture.slots.items() if b in backends})


def _render(structure: Structure, picture: Actual, name: str) -> str:
    return "\n".join(
        [
            "# Written by the router; changes are lost. Its settings are DEIS_ROUTER_…",
            *_process(structure, name),
            *_frontend(structure),
            *_answers(),
            *_tables(),
            *_backends(structure, kept(picture, structure)),
            "",
        ]
    )


def _process(structure: Structure, name: str) -> list[str]:
    files = structure.files
    return [
        "global",
        f"    description deis-{name}",
        f"    maxconn {structure.maxconn}",
        "    no strict-limits",
        *([f"    nbthread {structure.threads}"] if structure.threads else []),
        f"    stats socket {files.runtime} mode 660 level admin expose-fd listeners",
        "    stats timeout 1h",
        # An old worker, after a reload, serves its last WebSockets no longer than this.
        "    hard-stop-after 1h",
        "",
        "defaults platform",
        "    mode http",
        "    timeout connect 2s",
        "    timeout queue 5s",
        "    timeout http-request 60s",
        "    timeout http-keep-alive 75s",
        f"    timeout client {structure.timeout}s",
        f"    timeout server {structure.timeout}s",
        "    timeout client-fin 30s",
        "    timeout server-fin 30s",
        f"    timeout tunnel {structure.tunnel}s",
        "    http-reuse safe",
        "    option idle-close-on-response",
        "    retries 3",
        "    option redispatch 1",
        "    retry-on conn-failure empty-response",
        f"    default-server {PURGE} {WATCH}",
        *(_page(503, ASLEEP), _page(502, NO_ANSWER), _page(504, TOO_SLOW)),
        "",
    ]


def _frontend(structure: Structure) -> list[str]:
    files = structure.files
    trusted, untrusted, missing = [], "", ""
    if structure.trusted:
        trusted = [f"    acl trusted src {' '.join(structure.trusted)}"]
        untrusted = " if !trusted"
        missing = " unless trusted { req.hdr(HEADER) -m found }"
    rewritten = {"X-Forwarded-Proto": "http", "X-Forwarded-Port": "%[dst_port]"}
    return [
        "frontend http from platform",
        *(f"    bind {endpoint(address, structure.port)}" for address in structure.binds),
        *trusted,
        f"    log {files.failures} len 1024 format raw local0 warning",
        '    log-format "%b %s %ts %Ta"',
        "    option dontlognull",
        "    http-request set-log-level warning",
        f"    http-request set-var(txn.app) req.hdr(host),host_only,lower,map_str({files.hosts})",
        "    http-request set-log-level silent if !{ var(txn.app) -m found }",
        f"    http-request return {OK} if {{ path /health-check }} !{{ var(txn.app) -m found }}",
        f"    http-request del-header X-Forwarded-For{untrusted}",
        "    option forwardfor",
        *(
            f"    http-request set-header {header} {value}{missing.replace('HEADER', header)}"
            for header, value in rewritten.items()
        ),
        f"    http-request set-var(txn.logger) path,field(3,/) if {{ var(txn.app) -m str {CONTROLLER} }} {A_TAIL}",
        f"    use_backend {LOGGERS_BACKEND} if {{ var(txn.logger) -m found }}",
        f"    use_backend %[var(txn.app),map_str({files.slots},asleep)] if {{ var(txn.app) -m found }}",
        "    default_backend unknown",
        "",
    ]


def _answers() -> list[str]:
    return [
        "backend unknown from platform",
        f"    http-request return status 404 {_body(404, NO_APP)}",
        "",
        "backend asleep from platform",
        "    http-request set-log-level silent",
        f"    http-request return status 503 {_body(503, ASLEEP)}",
        "",
    ]


def _tables() -> list[str]:
    return [
        f"backend {TABLE} from platform",
        "    stick-table type string len 128 size 100k expire 1h store conn_cur",
        "",
    ]


def _backends(structure: Structure, picture: Actual) -> list[str]:
    lines = [
        "defaults pool from platform",
        f"    log {structure.files.alerts} len 1024 format raw local0 alert",
        "    balance leastconn",
        f"    http-request set-var(txn.timeout) var(txn.app),map_str_int({structure.files.timeouts})",
        "    http-request set-timeout server var(txn.timeout) if { var(txn.timeout) -m found }",
        "    http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE TRACE }",
        "    http-response set-log-level silent",
        f"    http-response track-sc0 srv_name table {TABLE} if {TUNNEL}",
        "",
    ]
    for backend in (*PLATFORM.values(), *structure.backends):
        lines.append(f"backend {backend} from pool")
        if backend == CONTROLLER_BACKEND:
            # A deploy is one request that lasts as long as the deploy; after 20 minutes the controller itself answers.
            # No checker could bring one back that is suspected: they are not watched.
            lines += ["    timeout server 21m", "    default-server no-check"]
        if backend == LOGGERS_BACKEND:
            lines += _tails()
        lines += [
            f"    server {name} {endpoint(server.address, server.port)}"
            for name, server in sorted(picture.servers.get(backend, {}).items())
        ]
    return lines


def _tails() -> list[str]:
    """Tails go to the logger that their path names, or nowhere: with a weight of 0, only its name leads to a server.

    Both ends ping each 20 s, so what is silent for long is dead. A ticket is good once: a request is not sent again
    when a logger may have seen it. A 503 with `Retry-After` is a logger's own word (`proto/log-tail.md`).
    """
    return [
        "    timeout server 30s",
        "    timeout tunnel 5m",
        f"    default-server no-check {BY_NAME}",
        "    use-server %[var(txn.logger)] if { var(txn.logger) -m found }",
        "    retry-on conn-failure",
        *(
            f'    http-error status {status} content-type application/json string \'{{"detail":"{NO_LOGGER}"}}\''
            for status in (502, 503, 504)
        ),
    ]


def _page(status: int, text: str) -> str:
    return f"    http-error status {status} {_body(status, text)}"


def _body(status: int, text: str) -> str:
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{status}</title><body style='font:1.1em sans-serif;margin:15vh auto;max-width:30em;padding:0 1em'>"
        f"<h1>{status}</h1><p>{text}</p>"
    )
    return f'content-type "text/html; charset=utf-8" string "{page}\\n"'
