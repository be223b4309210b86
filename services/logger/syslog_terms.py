"""Where the syslog listener listens, and on which terms: plain on the loopback, beyond it with certificates."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from services.logger.settings import LoggerSettings


class BadListener(ValueError):
    """Settings by which nobody could be let in safely; the message says what would be right."""


Mark = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Files:
    """What TLS is made of: PEM files, of which that of the senders' authorities may be missing."""

    cert: Path
    key: Path
    ca: Path | None

    def context(self) -> ssl.SSLContext:
        """Made of the files as they are now; raises `BadListener`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise BadListener(
                f"the certificate {self.cert} with the key {self.key} cannot be used for syslog: {error}"
            ) from error
        if self.ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self.ca)
            except (OSError, ssl.SSLError) as error:
                raise BadListener(f"the authorities of syslog senders in {self.ca} cannot be used: {error}") from error
        return context

    def mark(self) -> Mark:
        """Another one whenever a file is another."""
        return tuple(_mark(path) for path in (self.cert, self.key, self.ca) if path is not None)


@dataclass(frozen=True)
class Terms:
    """Where it listens, and on which terms; `tls` is made of `files`, None is plain TCP."""

    host: str
    port: int
    senders: int
    tls: ssl.SSLContext | None
    files: Files | None

    @classmethod
    def of(cls, settings: LoggerSettings) -> Terms | None:
        """As the settings say; None where it is off. Raises `BadListener`."""
        port, host = settings.logger_syslog_port, settings.logger_syslog_host
        cert, key = settings.logger_syslog_cert_file, settings.logger_syslog_key_file
        ca = settings.logger_syslog_ca_file
        if port is None:
            return None
        if (cert is None) != (key is None):
            raise BadListener(
                "a syslog listener with TLS takes both DEIS_LOGGER_SYSLOG_CERT_FILE and DEIS_LOGGER_SYSLOG_KEY_FILE; "
                f"only {'the certificate' if cert else 'the key'} is given"
            )
        if ca is not None and cert is None:
            raise BadListener(
                f"DEIS_LOGGER_SYSLOG_CA_FILE is {ca}, and client certificates are of TLS alone: "
                "give DEIS_LOGGER_SYSLOG_CERT_FILE and DEIS_LOGGER_SYSLOG_KEY_FILE as well"
            )
        if not _is_loopback(host) and ca is None:
            raise BadListener(
                f"DEIS_LOGGER_SYSLOG_HOST is {host}: beyond the loopback, senders have to show a certificate. Give "
                "DEIS_LOGGER_SYSLOG_CERT_FILE, DEIS_LOGGER_SYSLOG_KEY_FILE and DEIS_LOGGER_SYSLOG_CA_FILE (the "
                "authorities that sign the senders'), or listen on 127.0.0.1"
            )
        files = Files(cert, key, ca) if cert and key else None
        return cls(host, port, settings.logger_syslog_senders, files.context() if files else None, files)


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _no_password() -> str:
    """For a key that is locked: else a terminal would be asked, and the daemon stand still."""
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
