"""The logger's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from libs.daemon import Settings

MIB = 1024 * 1024


class LoggerSettings(Settings):
    """Where it listens, and how much it keeps."""

    logger_host: str = Field("127.0.0.1", description="where the logger listens: loopback or the admin network")
    logger_port: int = Field(8088, description="its port; 0 takes a free one")
    logger_lines: int = Field(10_000, ge=1, description="lines kept of an app")
    logger_bytes: int = Field(8 * MIB, ge=64 * 1024, description="bytes kept of an app")
    logger_memory: int = Field(256 * MIB, ge=MIB, description="bytes kept of all apps together")
    logger_floor: int = Field(
        1000, ge=0, description="lines that an app keeps while others have more, if memory is short"
    )
    logger_apps: int = Field(
        20_000,
        ge=1,
        description="apps of which lines are kept; beyond them go those of the app that was written longest ago, "
        "unless somebody follows it",
    )
    logger_forget_seconds: float = Field(600.0, ge=0, description="how long the lines of a destroyed app are kept")
    logger_sockets_host: str = Field("127.0.0.1", description="where log tails listen: loopback or the admin network")
    logger_sockets_port: int = Field(8089, description="their port; 0 takes a free one")
    logger_tails: int = Field(500, ge=1, description="log tails at once; a slow reader's may take some 2 MiB")
    logger_app_tails: int = Field(50, ge=1, description="of these, tails of one app")
    logger_ping_seconds: float = Field(20.0, gt=0, description="between pings of a tail, and for each one's answer")
    logger_syslog_port: int | None = Field(
        None, ge=0, description="port for syslog over TCP or TLS; none: off; 0 takes a free one"
    )
    logger_syslog_host: str = Field(
        "127.0.0.1", description="where syslog is taken; beyond the loopback, senders must show a certificate"
    )
    logger_syslog_cert_file: Path | None = Field(None, description="PEM file of the certificate for syslog: TLS")
    logger_syslog_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
    logger_syslog_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the certificates of syslog's senders"
    )
    logger_syslog_senders: int = Field(200, ge=1, description="syslog connections at a time")
    logger_drain_bytes: int = Field(
        8 * MIB, ge=MIB, description="bytes of lines that wait for a drain's receiver; the oldest go first"
    )
    logger_drain_seconds: float = Field(900.0, gt=0, description="how long a line waits for a drain's receiver")
    logger_drain_line_bytes: int = Field(
        128 * 1024,
        ge=0,
        description="bytes of a line that a drain sends, the rest is cut, and the line says so; 0: all. rsyslog by "
        "itself takes 8 KiB, and loses its way in frames above 200,000 bytes",
    )
    logger_drain_stall_seconds: float = Field(30.0, gt=0, description="in which a drain's receiver must take something")
    logger_drain_inward: bool = Field(
        False,
        description="drains may go anywhere: to this host, its links and bridges, the platform's store and daemons",
    )
    logger_drain_barred: str = Field(
        "", description="networks (CIDR, comma separated) where no drain may go either, unless drains may go inward"
    )
    logger_drain_bridges: bool = Field(
        False, description="drains may go to the networks behind this host's bridges, where engines have containers"
    )
    logger_drain_enterprise: int = Field(
        32473, ge=0, description="private enterprise number in the name of drains' structured data; 32473: an example's"
    )
    internal_token: str = Field(
        "", repr=False, description="token between daemons; empty: the file secrets/internal.token in home"
    )
