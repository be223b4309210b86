"""A real syslog receiver: rsyslog over a folder of its own, which writes a line of JSON for each message."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Made
from tests.support.slapd import listening
from tests.support.waiting import eventually

RSYSLOGD = shutil.which("rsyslogd", path="/usr/sbin:/sbin") or "rsyslogd"
CONF = """
global(workDirectory="{folder}" maxMessageSize="512k"{tls})
module(load="imtcp"{driver})
template(name="all" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="process" name="procid" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="text" name="msg" format="jsonf")
}}
ruleset(name="write") {{ action(type="omfile" file="{folder}/lines" template="all") }}
input(type="imtcp" port="{port}" ruleset="write")
"""
TLS = """ defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{folder}/ca.pem"
 defaultNetstreamDriverCertFile="{folder}/cert.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem\""""
DRIVER = """ streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="{mode}\""""


@dataclass(frozen=True)
class Rsyslog:
    """A running receiver."""

    folder: Path
    process: asyncio.subprocess.Process

    def signal(self, signal_: signal.Signals) -> None:
        """Stop it for a while, or let it go on."""
        self.process.send_signal(signal_)

    def lines(self) -> list[dict[str, str]]:
        """What it has written, as far as the lines are whole."""
        path = self.folder / "lines"
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        return [json.loads(line) for line in whole.split("\n") if line]


@asynccontextmanager
async def running_rsyslog(
    folder: Path, port: int, *, own: Made | None = None, clients: str = "", mode: str = "anon"
) -> AsyncIterator[Rsyslog]:
    """A receiver while the body runs; what was written in the folder before is kept.

    `own` makes it TLS; with the mode `x509/certvalid`, senders must have a certificate of `clients` (PEM).
    """
    conf = _configured(folder, port, own, clients, mode)
    process = await asyncio.create_subprocess_exec(RSYSLOGD, "-n", "-f", str(conf), "-i", str(folder / "pid"))
    try:
        await eventually(lambda: listening(port), what="rsyslog listening")
        yield Rsyslog(folder, process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _configured(folder: Path, port: int, own: Made | None, clients: str, mode: str) -> Path:
    folder.mkdir(exist_ok=True)
    tls = driver = ""
    if own is not None:
        (folder / "ca.pem").write_text(clients or own.pem)
        (folder / "cert.pem").write_text(own.pem)
        (folder / "key.pem").write_text(own.key)
        tls, driver = TLS.format(folder=folder), DRIVER.format(mode=mode)
    conf = folder / "rsyslog.conf"
    conf.write_text(CONF.format(folder=folder, port=port, tls=tls, driver=driver))
    return conf
