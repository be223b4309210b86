"""aiohttp's failures in a user's words: what could not be done, and what would help."""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp

from libs.client.api.errors import (
    ClientError,
    ConnectionBroken,
    ControllerUnreachable,
    InvalidController,
    NotAController,
)
from libs.client.api.resolver import is_loopback_name


def start_it(host: str) -> str:
    """What to try where nobody answers at `host`; a platform on this very machine is started by `make up`."""
    local = " The platform of this machine is started with `make up`." if is_loopback_name(host) else ""
    return f"Is the controller running, and is this its URL?{local}"


def explain(error: Exception, url: str, *, host: str, changing: bool) -> ClientError:
    """The error to raise for what aiohttp raised.

    `changing` says that the request may have changed something, once it was sent.
    """
    failure: ClientError
    match error:
        case aiohttp.ClientConnectorDNSError():
            remedy = "Check the name for a typing error, and that this machine resolves it."
            failure = ControllerUnreachable(url, f'the name "{host}" does not resolve', remedy)
        case aiohttp.ClientConnectorCertificateError():
            remedy = (
                "If you know this controller and its certificate is its own, log in with `--ssl-verify=false`; "
                "otherwise somebody may be listening."
            )
            failure = ControllerUnreachable(url, f"its certificate cannot be trusted ({_why(error)})", remedy)
        case aiohttp.ClientConnectorSSLError():
            remedy = "A controller without TLS is reached by http:// in place of https://."
            failure = ControllerUnreachable(url, f"no TLS connection came about ({_why(error)})", remedy)
        case aiohttp.ClientConnectorError():
            failure = ControllerUnreachable(url, _why(error), start_it(host))
        case aiohttp.ConnectionTimeoutError():
            remedy = "Is the host up, and does a firewall let you through?"
            failure = ControllerUnreachable(url, "it does not answer at all", remedy)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            failure = InvalidController(url, "it must be http:// or https://, a host name and, where needed, a port")
        case aiohttp.ClientResponseError():
            failure = NotAController(url, "what answers there does not speak HTTP")
        case aiohttp.ServerDisconnectedError():
            failure = ConnectionBroken(url, "the controller closed it without an answer", changed=changing)
        case _:
            failure = ConnectionBroken(url, _why(error), changed=changing)
    return failure


def _why(error: BaseException) -> str:
    """The operating system's words, without the library's wrapping round them."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message or str(inner)
    if isinstance(inner, ssl.SSLError):
        return (inner.reason or str(inner)).replace("_", " ").lower()
    if isinstance(inner, OSError):
        if inner.errno == errno.ECONNREFUSED or "Errno 111" in str(inner):
            return "connection refused"
        return inner.strerror or (os.strerror(inner.errno) if inner.errno else str(inner))
    return str(inner) or type(inner).__name__
