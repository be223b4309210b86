"""Probes of an app's processes, as a user types them and reads them; the API has them in Kubernetes' words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from libs.client.durations import parse_seconds
from libs.client.errors import BadArgument

Probe = dict[str, Any]  # as the API has it

PROBES: Mapping[str, str] = {"startup": "startupProbe", "readiness": "readinessProbe", "liveness": "livenessProbe"}
KINDS: Mapping[str, str] = {  # each way of probing, and the shorter names that it answers to
    "httpget": "httpGet",
    "http": "httpGet",
    "tcpsocket": "tcpSocket",
    "tcp": "tcpSocket",
    "exec": "exec",
    "staysup": "staysUp",
}
OWN_PORT = "$PORT"  # what an instance knows its own port by
ANY_STATUS = "200-399"
STATUS = re.compile(r"[1-5][0-9]{2}(-[1-5][0-9]{2})?")
BEFORE_A_HEADER = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9_-]*:(?!//))")  # other commas are part of a value
NUMBERS = {  # what holds where a probe does not say
    "initialDelaySeconds": 0,
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}


@dataclass(frozen=True)
class ProbeOptions:
    """What may be said of a probe beside what it does; times as typed."""

    path: str | None = None
    headers: tuple[str, ...] = ()
    status: str | None = None
    initial_delay: str | None = None
    timeout: str | None = None
    period: str | None = None
    success: int | None = None
    failure: int | None = None

    def only_for_http(self) -> list[str]:
        """Those given that say something of httpGet alone."""
        given = {"--path": self.path, "--headers": self.headers, "--status": self.status}
        return [name for name, value in given.items() if value]


def parse_probe_names(texts: Iterable[str]) -> list[str]:
    """`readiness` or `readinessProbe`, each as the API names it; `BadArgument` otherwise."""
    return [_probe_name(text) for text in texts]


def _probe_name(text: str) -> str:
    name = text.lower().removesuffix("probe")
    if name not in PROBES:
        raise BadArgument(f'"{text}" is no probe; startup, readiness and liveness are')
    return PROBES[name]


def parse_probe(name: str, kind: str, words: Sequence[str], options: ProbeOptions) -> Probe:
    """A probe as the API has it, from a way of probing and the words behind it. `BadArgument` says what is wrong.

    `name` is one of the API's: not every way fits every probe.
    """
    action = KINDS.get(kind.lower().replace("-", ""))
    if action is None:
        raise BadArgument(f'"{kind}" is no way to probe; httpGet, tcpSocket, exec and staysUp are')
    if action == "staysUp" and name == PROBES["liveness"]:
        raise BadArgument("staysUp is no liveness probe: a process that exits is started again without one")
    if action != "httpGet" and (wrong := options.only_for_http()):
        raise BadArgument(f"{wrong[0]} belongs to httpGet, not to {action}")
    return {action: _action(action, words, options), **_numbers(options)}


def _action(action: str, words: Sequence[str], options: ProbeOptions) -> Probe:
    if action == "exec":
        if not words:
            raise BadArgument("exec takes the command to run, as in exec -- cat /tmp/alive")
        return {"command": list(words)}
    if len(words) > 1:
        raise BadArgument(f'"{words[1]}" is too much: {action} takes one number, as in {action} {_example(action)}')
    word = words[0] if words else None
    if action == "staysUp":
        return {} if word is None else {"seconds": parse_seconds(word, "staysUp")}
    port = {} if word is None else {"port": _port(word)}
    return port if action == "tcpSocket" else {**port, **_http(options)}


def _example(action: str) -> str:
    return "10" if action == "staysUp" else "8080"


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 0 < int(text) < 65536:
        raise BadArgument(f'"{text}" is no port: a number from 1 to 65535 is; leave it out for the process\'s own')
    return int(text)


def _http(options: ProbeOptions) -> Probe:
    fields: Probe = {}
    if options.path is not None:
        if not options.path.startswith("/"):
            raise BadArgument(f'"--path={options.path}" is no path: one begins with /, as in --path /ready')
        fields["path"] = options.path
    if options.headers:
        fields["httpHeaders"] = parse_headers(options.headers)
    if options.status is not None:
        if not STATUS.fullmatch(options.status):
            raise BadArgument(f'"--status={options.status}" is no status: 204 is, or a range, as in 200-299')
        fields["expectedStatus"] = int(options.status) if options.status.isdecimal() else options.status
    return fields


def parse_headers(texts: Iterable[str]) -> list[dict[str, str]]:
    """`Name: value`, several in one text with commas between them; a comma that no name follows is a value's own."""
    headers = []
    for one in (part for text in texts for part in BEFORE_A_HEADER.split(text)):
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise BadArgument(f'"{one.strip()}" is no header; write "Name: value"')
        headers.append({"name": name.strip(), "value": value.strip()})
    return headers


def _numbers(options: ProbeOptions) -> Probe:
    times = {
        "initialDelaySeconds": ("--initial-delay", options.initial_delay),
        "timeoutSeconds": ("--timeout", options.timeout),
        "periodSeconds": ("--period", options.period),
    }
    counts = {"successThreshold": options.success, "failureThreshold": options.failure}
    given = {field: parse_seconds(text, option) for field, (option, text) in times.items() if text is not None}
    return {**given, **{field: count for field, count in counts.items() if count is not None}}


def routed_type(app: str, structure: Mapping[str, int]) -> str:
    """The type that a probe is for where none is named: web, else cmd; `BadArgument` names what there is instead."""
    for type_ in ("web", "cmd"):
        if type_ in structure:
            return type_
    there = f"{app} has {', '.join(sorted(structure))} only" if structure else f"{app} has no processes yet"
    raise BadArgument(
        f"{there}: say with --type which processes are meant, as in --type {min(structure, default='web')}"
    )


def lines(chosen: Mapping[str, Probe | None], holding: Mapping[str, Probe | None]) -> dict[str, str]:
    """Each probe of a process type in one line; one that holds though nobody has set it says by what."""
    return {name: _line(chosen.get(field), holding.get(field)) for name, field in PROBES.items()}


def _line(chosen: Probe | None, holding: Probe | None) -> str:
    probe = holding or chosen
    if not probe:
        return "none"
    default = "HEALTHCHECK_URL" if "httpGet" in probe else "default"  # no other default asks by HTTP
    return in_words(probe) if chosen else f"{in_words(probe)} ({default})"


def in_words(probe: Probe) -> str:
    """A probe in one line, as kubectl would put it."""
    numbers = {name: probe.get(name, number) for name, number in NUMBERS.items()}
    times = [f"{word}={numbers[name]}s" for word, name in zip(("delay", "timeout", "period"), NUMBERS, strict=False)]
    counts = [f"#success={numbers['successThreshold']}", f"#failure={numbers['failureThreshold']}"]
    return " ".join([*_action_words(probe), *times, *counts])


def _action_words(probe: Probe) -> list[str]:
    match probe:
        case {"httpGet": dict(http)}:
            headers = ", ".join(f"{one['name']}: {one['value']}" for one in http.get("httpHeaders") or ())
            status = str(http.get("expectedStatus") or ANY_STATUS)
            return [
                f"http-get http://:{http.get('port') or OWN_PORT}{http.get('path') or '/'}",
                *([f"headers=[{headers}]"] if headers else []),
                *([f"status={status}"] if status != ANY_STATUS else []),
            ]
        case {"tcpSocket": dict(tcp)}:
            return [f"tcp-socket :{tcp.get('port') or OWN_PORT}"]
        case {"exec": {"command": [*command]}}:
            return [f"exec [{shlex.join(map(str, command))}]"]
        case {"staysUp": dict(stays)}:
            return [f"stays-up {stays.get('seconds', 5)}s"]
        case _:
            return [f"of another kind: {', '.join(sorted(probe.keys() - NUMBERS.keys()))}"]
