"""Settings that every daemon has, from the environment (`DEIS_…`)."""

from __future__ import annotations

import socket
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the daemon runs and what it talks to. A service's own settings extend this class."""

    model_config = SettingsConfigDict(env_prefix="DEIS_", frozen=True, extra="ignore")

    home: Path = Field(Path("/var/lib/deis"), description="state, sockets and secrets of this host")
    node: str = Field(default_factory=socket.gethostname, description="this host's name in the platform")
    node_address: str = Field("127.0.0.1", description="the address at which other hosts reach this one")
    platform: str = Field("deis", description="name of the platform among those that share an engine")
    domain: str = Field("localhost", description="apps answer at <app>.<domain>, the API at deis.<domain>")

    store: str = Field("etcd3", description="store driver: etcd3 or memory")
    store_endpoints: str = Field("127.0.0.1:2379", description="host:port of each etcd member, comma separated")
    store_prefix: str = Field("/deis", description="prefix of every key")
    store_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign etcd's certificates: TLS"
    )
    store_cert_file: Path | None = Field(None, description="PEM file of this host's own certificate, for etcd")
    store_key_file: Path | None = Field(None, description="PEM file of that certificate's key")
    store_user: str = Field("", description="etcd user; none where etcd's authentication is off")
    store_password: SecretStr = Field(SecretStr(""), description="that user's password")
    engine: str = Field("docker", description="engine driver: docker or memory")
    docker_host: str = Field("unix:///var/run/docker.sock", description="the Docker Engine's address")

    admin_host: str = Field("127.0.0.1", description="where probes and metrics listen")
    admin_port: int = Field(0, description="port of probes and metrics; 0 takes a free one")
    presence_seconds: float = Field(15.0, ge=2, description="life of presence leases; renewed at a third of it")
    log_level: str = Field("info", description="debug, info, warning or error")
    log_format: str = Field("auto", description="console, json, or auto (console on a terminal)")
