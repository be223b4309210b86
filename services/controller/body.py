"""A request's body as fields, whether it came as JSON, as a form or as multipart."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import parse_qsl

from aiohttp import web

from services.controller.errors import BadFields, BadRequest, UnsupportedMediaType
from services.controller.fields import Body
from services.controller.jsontext import read_json

MOST_FIELDS = 1000
LONGEST_HEAD = 512  # bytes, of a part of a multipart body


async def read_body(request: web.Request) -> Body:
    """The fields of a request; an empty body has none, whatever its type. Raises as `read_whole` and `parse_body`."""
    return parse_body(request.headers.get("Content-Type", ""), await read_whole(request))


async def read_whole(request: web.Request) -> bytes:
    """A request's body, kept for who reads it again.

    One that says itself that it is too long is refused before any of it is read; any other once it is.
    """
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    return await request.read()


def parse_body(content_type: str, raw: bytes) -> Body:
    """Fields of a body; of a field given twice the last one counts, as in v1.

    Raises `BadRequest` for a body that cannot be read, `BadFields` for JSON that is no object, `UnsupportedMediaType`.
    """
    if not raw:
        return {}
    match content_type.partition(";")[0].strip().lower():
        case "application/json":
            return _json(raw)
        case "application/x-www-form-urlencoded":
            return _form(raw)
        case "multipart/form-data":
            return _multipart(content_type, raw)
        case other:
            raise UnsupportedMediaType(other)


def _json(raw: bytes) -> Body:
    try:
        value = read_json(raw.decode())
    except ValueError as error:
        raise BadRequest(f"JSON parse error - {error}") from error
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise BadFields(non_field_errors=f"Invalid data. Expected a dictionary, but got {kind}.")
    return value


def _form(raw: bytes) -> Body:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest(f"Form parse error - {error}") from error
    return dict(pairs)


def _multipart(content_type: str, raw: bytes) -> Body:
    try:
        return dict(_part(part) for part in _parts(content_type, raw))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadRequest(f"Multipart form parse error - {error}") from error


def _parts(content_type: str, raw: bytes) -> list[bytes]:
    """The parts with their heads (RFC 2046 §5.1.1). What a part itself may be made of is not looked at."""
    whole: Message[str, str] = Message()
    whole["Content-Type"] = content_type
    boundary = whole.get_boundary()
    if not boundary:
        raise ValueError("Invalid boundary in multipart")
    delimiter = b"\r\n--" + boundary.encode()
    _, *parts = (b"\r\n" + raw).split(delimiter, MOST_FIELDS + 1)
    end = next((at for at, part in enumerate(parts) if part.startswith(b"--")), len(parts))
    if not parts or end > MOST_FIELDS:
        raise ValueError("Invalid boundary in multipart")
    return parts[:end]


def _part(part: bytes) -> tuple[str, str]:
    """Its name and what it holds. A head has a bound, as the time for one grows with the square of its length."""
    head, blank, payload = part.partition(b"\r\n\r\n")
    if not blank or len(head) > LONGEST_HEAD:
        raise ValueError(f"a part whose head does not end within {LONGEST_HEAD} bytes")
    name = BytesHeaderParser().parsebytes(head.strip()).get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise ValueError("a part that has no name")  # noqa: TRY004 - said to the client, not a programming error
    return name, payload.decode()
