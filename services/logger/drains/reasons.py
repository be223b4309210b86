"""Why a receiver cannot be reached, in this host's own words.

What drains' users are told, and the journal, has neither what a peer said nor a URL beyond its host and port: a drain
would else be a way to read what answers in the platform's networks, and many a URL's path is a password.
"""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp

from services.logger.drains.way import Forbidden


def reason_of(error: BaseException) -> str:  # noqa: PLR0911 - one for each sort of error
    """A few words, none of them of the peer's."""
    while isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        error = (
            error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or type(error).__name__).replace('_', ' ').lower()}"
    if isinstance(error, Forbidden | socket.gaierror):
        return error.strerror or type(error).__name__
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "it does not speak HTTP"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, ConnectionError | aiohttp.ClientConnectionError):
        return "the connection broke"
    if type(error) is OSError:  # asyncio's and aiohttp's, where several addresses failed in several ways
        return "no way leads to any of its addresses"
    return type(error).__name__
