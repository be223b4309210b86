"""One probe in the user's words (those of Kubernetes), read with a reason for each refusal; and in the platform's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.functional_validators import AfterValidator
from pydantic_core import ErrorDetails

from libs.keyspace.records import Check, ExecAction, HttpAction, HttpHeader, StaysUp, TcpAction

Words: TypeAlias = dict[str, JsonValue]  # a probe as the user wrote it

ACTIONS = ("httpGet", "tcpSocket", "exec", "staysUp")
LONGEST_PERIOD = 3600  # seconds
SHOWN = 64  # characters of a bad value in its refusal
SECONDS = f"a number of seconds greater than 0 and at most {LONGEST_PERIOD}"
PORT = "a number from 1 to 65535"
OF_THE_CONNECTION = frozenset({"connection", "content-length", "expect", "transfer-encoding", "upgrade"})

_NUMBERS = (
    "initial_delay_seconds",
    "period_seconds",
    "timeout_seconds",
    "success_threshold",
    "failure_threshold",
)
_STATUS = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
# A length stands beside a pattern, not in it: `{0,4096}` is a compiled pattern of more than a MiB.
_HEADER_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # a token (RFC 9110, section 5.6.2)
_HEADER_VALUE = r"^[\t -~]*$"  # (RFC 9110, section 5.5), without what is not ASCII


class BadProbe(ValueError):
    """Words that are no probe; `reasons` names each field, its value, and what would be right."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def statuses(value: object) -> tuple[int, int]:
    """The inclusive range of HTTP statuses that `204`, `"204"` or `"200-399"` stands for; raises `ValueError`."""
    found = _STATUS.fullmatch(str(value)) if isinstance(value, int | str) else None
    if found is None or isinstance(value, bool) or int(found[1]) > int(found[2] or found[1]):
        raise ValueError("is no range of statuses")
    return int(found[1]), int(found[2] or found[1])


def _header_name(name: str) -> str:
    if name.lower() in OF_THE_CONNECTION:
        raise ValueError("is the connection's")
    return name


class _Words(BaseModel):
    """A field's description says what would be right; null is as good as nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


Seconds = Annotated[float, Field(gt=0, le=LONGEST_PERIOD)]
Port = Annotated[int, Field(ge=1, le=65535)]
Threshold = Annotated[int, Field(ge=1, le=1000)]
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]


class _Header(_Words):
    name: Annotated[str, StringConstraints(pattern=_HEADER_NAME, max_length=256), AfterValidator(_header_name)] = Field(
        description="the name of an HTTP header that is not of the connection itself"
    )
    value: Annotated[str, StringConstraints(pattern=_HEADER_VALUE, max_length=4096)] = Field(
        description="printable ASCII text of at most 4096 characters, without line breaks"
    )


class _HttpGet(_Words):
    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=2048)] | None = Field(
        None, description="a path that begins with / and has no spaces"
    )
    port: Port | None = Field(None, description=PORT)
    http_headers: Annotated[list[_Header], Field(max_length=32)] | None = Field(
        None, description='a list of at most 32 objects such as {"name": "X-Probe", "value": "1"}'
    )
    expected_status: Annotated[Any, AfterValidator(lambda value: value if value is None else statuses(value))] = Field(
        None, description='a status such as 204, or a range such as "200-399"'
    )
    scheme: Literal["HTTP"] | None = Field(None, description='"HTTP": instances are spoken to in plain HTTP')


class _TcpSocket(_Words):
    port: Port | None = Field(None, description=PORT)


class _Exec(_Words):
    command: Annotated[list[Word], Field(min_length=1, max_length=64)] = Field(
        description="a list of 1 to 64 words, none of them empty or with a null character"
    )


class _StaysUp(_Words):
    seconds: Seconds | None = Field(None, description=SECONDS)


class _Probe(_Words):
    http_get: _HttpGet | None = Field(None, description='an object such as {"path": "/healthz", "port": 8080}')
    tcp_socket: _TcpSocket | None = Field(None, description='an object such as {"port": 5432}')
    exec: _Exec | None = Field(None, description='an object such as {"command": ["/bin/check"]}')
    stays_up: _StaysUp | None = Field(None, description='an object such as {"seconds": 5}')
    initial_delay_seconds: Annotated[float, Field(ge=0, le=LONGEST_PERIOD)] | None = Field(
        None, description=f"a number of seconds from 0 to {LONGEST_PERIOD}"
    )
    period_seconds: Seconds | None = Field(None, description=SECONDS)
    timeout_seconds: Seconds | None = Field(None, description=SECONDS)
    success_threshold: Threshold | None = Field(None, description="a whole number from 1 to 1000")
    failure_threshold: Threshold | None = Field(None, description="a whole number from 1 to 1000")


_INSIDE: dict[str, type[_Words]] = {
    "httpGet": _HttpGet,
    "tcpSocket": _TcpSocket,
    "exec": _Exec,
    "staysUp": _StaysUp,
    "httpHeaders": _Header,
}


def read_probe(value: JsonValue, where: str) -> Words:
    """The probe in its normal form: what was given, without nulls. Raises `BadProbe`; its reasons begin at `where`."""
    if not isinstance(value, dict):
        raise BadProbe([refusal(where, value, f"it must be an object with one of {', '.join(ACTIONS)}, or null")])
    reasons = []
    try:
        _Probe.model_validate(value)
    except ValidationError as error:
        reasons = [_refusal(where, one) for one in error.errors(include_url=False)]
    given = [name for name in ACTIONS if value.get(name) is not None]
    if len(given) != 1:
        said = " and ".join(given) or "no action"
        reasons.append(f"{where}: {said}; it must have exactly one of {', '.join(ACTIONS)}")
    if reasons:
        raise BadProbe(reasons)
    normal: Words = _without_nulls(value)
    return normal


def check_of(words: Words) -> Check:
    """The platform's check; raises `BadProbe`."""
    probe = _Probe.model_validate(read_probe(words, "probe"))
    http, tcp, stays = probe.http_get, probe.tcp_socket, probe.stays_up
    fields: dict[str, Any] = {
        "http": http and _http_action(http),
        "tcp": tcp and TcpAction(port=tcp.port),
        "exec": probe.exec and ExecAction(command=tuple(probe.exec.command)),
        "stays_up": stays and (StaysUp() if stays.seconds is None else StaysUp(seconds=stays.seconds)),
        **{name: getattr(probe, name) for name in _NUMBERS},
    }
    return Check(**{name: value for name, value in fields.items() if value is not None})


def _http_action(http: _HttpGet) -> HttpAction:
    action = HttpAction(
        path=http.path or "/",
        port=http.port,
        headers=tuple(HttpHeader(name=one.name, value=one.value) for one in http.http_headers or ()),
    )
    return action if http.expected_status is None else action.changed(expected=http.expected_status)


def words_of(check: Check) -> Words:
    """A check in the user's words, with every number that holds; a port that is not named is the instance's own."""
    return {**dict(_action_words(check)), **{to_camel(name): _number(getattr(check, name)) for name in _NUMBERS}}


def _action_words(check: Check) -> Iterator[tuple[str, JsonValue]]:
    if http := check.http:
        low, high = http.expected
        shown: dict[str, JsonValue] = {"path": http.path}
        if http.port is not None:
            shown["port"] = http.port
        if http.headers:
            shown["httpHeaders"] = [{"name": header.name, "value": header.value} for header in http.headers]
        yield "httpGet", {**shown, "expectedStatus": low if low == high else f"{low}-{high}"}
    if tcp := check.tcp:
        yield "tcpSocket", {} if tcp.port is None else {"port": tcp.port}
    if check.exec:
        yield "exec", {"command": list(check.exec.command)}
    if check.stays_up:
        yield "staysUp", {"seconds": _number(check.stays_up.seconds)}


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def refusal(where: str, value: JsonValue, right: str) -> str:
    """The field, what was given, and what would be right."""
    shown = json.dumps(value, ensure_ascii=True)
    return f"{where}: {shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + '…'}; {right}"


def _refusal(where: str, error: ErrorDetails) -> str:
    path, right = where, "it must be an object"
    model: type[_Words] | None = _Probe
    for part in error["loc"]:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part[:SHOWN]}"
        if isinstance(part, str) and model is not None:
            known = {to_camel(name): field for name, field in model.model_fields.items()}
            if part not in known:
                return refusal(path, error["input"], _unknown(part, known))
            right = f"it must be {known[part].description}"
            model = _INSIDE.get(part)
    if error["type"] == "missing":
        return f"{path}: missing; {right}"
    return refusal(path, error["input"], right)


def _unknown(name: str, known: Mapping[str, object]) -> str:
    if name == "host":
        return "a probe always goes to the instance itself; leave it out"
    return f"there is no such field; it must be one of {', '.join(known)}"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
