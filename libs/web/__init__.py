"""HTTP between people, services and the platform: the server's frame and the client's.

`errors` is the one table from failures to statuses; `server` serves an application with request ids, metrics and
limits; `connection` cuts off slow and greedy clients; `answers` are JSON; `client` makes sessions with deadlines.
"""

from libs.web.answers import as_json, detail, encoded, of_json
from libs.web.client import open_client
from libs.web.connection import Limits
from libs.web.errors import ErrorTable, failure
from libs.web.server import application, listen

__all__ = [
    "ErrorTable",
    "Limits",
    "application",
    "as_json",
    "detail",
    "encoded",
    "failure",
    "listen",
    "of_json",
    "open_client",
]
