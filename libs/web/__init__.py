"""HTTP between people, services and the platform: the server's frame and the client's.

`errors` is the one table from failures to statuses; `server` serves an application with request ids, metrics and
limits; `client` makes sessions with deadlines.
"""

from libs.web.client import open_client
from libs.web.errors import ErrorTable, detail
from libs.web.server import application, listen

__all__ = ["ErrorTable", "application", "detail", "listen", "open_client"]
