"""Where the local platform lives and which ports it takes: `DEIS_…` in the environment, else these defaults."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Layout = Literal["shared", "separate"]
PROCESSES: dict[Layout, dict[str, str]] = {  # program -> whose admin port it has
    "shared": {"control": "controller", "mesh": "router"},
    "separate": {name: name for name in ("controller", "logger", "log_agent", "publisher", "health_checker", "router")},
}

# What glibc keeps for itself (mallopt(3)): one arena, and freed memory goes back, a password hash's 19 MiB for one.
MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}

LONGEST_HOME = 80  # characters: a UNIX socket's path has at most 107 (unix(7)), and ours stand two levels below


class LocalSettings(BaseSettings):
    """The settings of `python -m deploy.local`."""

    model_config = SettingsConfigDict(env_prefix="DEIS_", frozen=True, extra="ignore", validate_default=True)

    home: Path = Path(".deis")
    platform: str = ""  # default: made from the home, so that platforms of several homes can share an engine
    domain: str = "localhost"
    layout: Layout = "shared"  # which daemons share a process: a file of layouts/
    docker_host: str = "unix:///var/run/docker.sock"
    # Where the platform starts the engine itself: its folders, and more words for dockerd's command line.
    docker_data_root: Path = Path("/var/lib/docker")
    docker_exec_root: Path = Path("/var/run/docker")
    docker_options: str = ""

    router_http_port: int = Field(8080, ge=1, le=65535)
    controller_port: int = Field(8000, ge=1, le=65535)
    logger_port: int = Field(8088, ge=1, le=65535)
    logger_sockets_port: int = Field(8089, ge=1, le=65535)
    etcd_port: int = Field(4001, ge=1, le=65535)
    etcd_peer_port: int = Field(7001, ge=1, le=65535)
    # Probes and metrics of each process; the shared layout has those of the controller and of the router.
    controller_admin_port: int = Field(9101, ge=1, le=65535)
    router_admin_port: int = Field(9102, ge=1, le=65535)
    logger_admin_port: int = Field(9103, ge=1, le=65535)
    log_agent_admin_port: int = Field(9104, ge=1, le=65535)
    publisher_admin_port: int = Field(9105, ge=1, le=65535)
    health_checker_admin_port: int = Field(9106, ge=1, le=65535)

    @field_validator("home")
    @classmethod
    def absolute_and_short(cls, home: Path) -> Path:
        """An absolute path, short enough for the sockets below it."""
        home = home.absolute()
        if len(str(home)) > LONGEST_HOME:
            raise ValueError(
                f"DEIS_HOME is {str(home)!r}, {len(str(home))} characters; sockets live in it, so it may have at most "
                f"{LONGEST_HOME}: set DEIS_HOME to a shorter path"
            )
        return home

    @field_validator("platform")
    @classmethod
    def named(cls, platform: str, info: ValidationInfo) -> str:
        """The given name, else one made from the home."""
        home = info.data.get("home", Path())
        return platform or "local-" + hashlib.sha256(str(home).encode()).hexdigest()[:6]

    @property
    def admin_ports(self) -> dict[str, int]:
        """The admin port of each of the daemons' processes."""
        return {program: getattr(self, f"{owner}_admin_port") for program, owner in PROCESSES[self.layout].items()}

    @property
    def ports(self) -> dict[str, int]:
        """Every port that the platform listens on, by its setting."""
        admin = {f"{owner}_admin_port" for owner in PROCESSES[self.layout].values()}
        return {
            f"DEIS_{name.upper()}": getattr(self, name)
            for name in type(self).model_fields
            if name.endswith("_port") and (name in admin or not name.endswith("_admin_port"))
        }

    @property
    def controller_url(self) -> str:
        """Where the API answers, through the router."""
        return f"http://deis.{self.domain}:{self.router_http_port}"

    def app_url(self, app: str) -> str:
        """Where an app answers."""
        return f"http://{app}.{self.domain}:{self.router_http_port}"

    def environment(self) -> dict[str, str]:
        """The environment of supervisord and of everything below it."""
        own = {f"DEIS_{name.upper()}": str(getattr(self, name)) for name in type(self).model_fields}
        return {
            **os.environ,
            **own,
            "DEIS_STORE_ENDPOINTS": f"127.0.0.1:{self.etcd_port}",
            "DEIS_BIN": str(Path(sys.executable).parent),
            **MEMORY,
            "DEIS_LOG_FORMAT": os.environ.get("DEIS_LOG_FORMAT", "console"),
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",  # Debian has haproxy and dockerd there
        }
