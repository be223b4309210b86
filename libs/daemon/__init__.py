"""The life of a daemon: settings, supervision, loops, probes, signals, the word with systemd.

A service is a package with `serve.py`: `async def serve(daemon: Daemon) -> None` builds its parts and ends in
`await daemon.run(...)`. `command` is the `deis-daemon` command that runs one or several of them in a process.
"""

from libs.daemon.announcement import announcement, url_at
from libs.daemon.daemon import Daemon
from libs.daemon.loop import Loop
from libs.daemon.settings import Settings
from libs.daemon.supervision import LoopEnded, keep_running, supervise

__all__ = ["Daemon", "Loop", "LoopEnded", "Settings", "announcement", "keep_running", "supervise", "url_at"]
