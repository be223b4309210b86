"""The controller's URL, and what follows from it."""

from __future__ import annotations

from urllib.parse import urlsplit

from libs.client.api.errors import InvalidController

GIT_PORT = 2222  # where the builder answers, on the controller's host name
DEFAULT_PORTS = {"http": 80, "https": 443}


def controller_url(text: str) -> str:
    """The URL as it is kept: scheme (http where none was given), host and port, without path or trailing slash."""
    text = text.strip()
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidController(text, str(error)) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidController(text, f'"{parts.scheme}" is neither http nor https')
    if not parts.hostname or any(character.isspace() for character in url):
        raise InvalidController(text, "it has no host name")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise InvalidController(text, "it must end after the host name or port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def controller_host(url: str) -> str:
    """The controller's host name, without a port."""
    return urlsplit(url).hostname or ""


def git_url(controller: str, app: str) -> str:
    """Where `git push` delivers an app."""
    host = controller_host(controller)
    host = f"[{host}]" if ":" in host else host
    return f"ssh://git@{host}:{GIT_PORT}/{app}.git"


def app_url(controller: str, url: str) -> str:
    """An app's URL for a browser: the controller names its host only, and the router serves both at the same port."""
    if "://" in url:
        return url
    parts = urlsplit(controller)
    has_port = urlsplit(f"//{url}").port is not None
    port = parts.port if parts.port and parts.port != DEFAULT_PORTS.get(parts.scheme) else None
    return f"{parts.scheme}://{url}" + (f":{port}" if port and not has_port else "")
