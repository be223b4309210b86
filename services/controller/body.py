"""A request's body as fields, whether it came as JSON, as a form or as multipart."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl

from aiohttp import web

from services.controller.errors import BadFields, BadRequest, UnsupportedMediaType
from services.controller.fields import Body
from services.controller.jsontext import read_json

MOST_FIELDS = 1000


async def read_body(request: web.Request) -> Body:
    """The fields of a request; an empty body has none, whatever its type.

    One that says itself that it is too long is refused before any of it is read; any other once it is.
    """
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    raw = await request.read()
    return parse_body(request.headers.get("Content-Type", ""), raw)


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


def _parts(content_type: str, raw: bytes) -> list[Message[str, str]]:
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + raw)
    parts = message.get_payload()
    if not message.is_multipart() or not isinstance(parts, list) or len(parts) > MOST_FIELDS:
        raise ValueError("Invalid boundary in multipart")
    return [part for part in parts if isinstance(part, Message)]


def _part(part: Message[str, str]) -> tuple[str, str]:
    name = part.get_param("name", header="content-disposition")
    payload = part.get_payload(decode=True)
    if not isinstance(name, str) or not isinstance(payload, bytes):
        raise ValueError("a part that has no name")  # noqa: TRY004 - said to the client, not a programming error
    return name, payload.decode()
