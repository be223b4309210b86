"""Where the local platform lives and which ports it takes: `DEIS_…` in the environment, else these defaults."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_HOME = 80  # characters: a UNIX socket's path has at most 107 (unix(7)), and ours stand two levels below


class LocalSettings(BaseSettings):
    """The settings of `python -m deploy.local`."""

    model_config = SettingsConfigDict(env_prefix="DEIS_", frozen=True, extra="ignore")

    home: Path = Path(".deis")
    platform: str = ""  # default: made from the home, so that platforms of several homes can share an engine
    domain: str = "localhost"
    docker_host: str = "unix:///var/run/docker.sock"
    docker_options: str = ""  # more words for dockerd's command line, where the platform starts it

    router_http_port: int = Field(8080, ge=1, le=65535)
    controller_port: int = Field(8000, ge=1, le=65535)
    logger_port: int = Field(8088, ge=1, le=65535)
    etcd_port: int = Field(4001, ge=1, le=65535)
    etcd_peer_port: int = Field(7001, ge=1, le=65535)
    control_admin_port: int = Field(9101, ge=1, le=65535)
    node_admin_port: int = Field(9102, ge=1, le=65535)
    router_admin_port: int = Field(9103, ge=1, le=65535)

    @model_validator(mode="after")
    def complete(self) -> Self:
        """An absolute home, short enough for sockets, and a platform name."""
        home = self.home.absolute()
        if len(str(home)) > LONGEST_HOME:
            raise ValueError(
                f"DEIS_HOME is {str(home)!r}, {len(str(home))} characters; sockets live in it, so it may have at most "
                f"{LONGEST_HOME}: set DEIS_HOME to a shorter path"
            )
        platform = self.platform or "local-" + hashlib.sha256(str(home).encode()).hexdigest()[:6]
        return self.model_copy(update={"home": home, "platform": platform})

    @property
    def ports(self) -> dict[str, int]:
        """Every port that the platform listens on, by its setting."""
        return {
            f"DEIS_{name.upper()}": getattr(self, name) for name in type(self).model_fields if name.endswith("_port")
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
            "DEIS_LOG_FORMAT": os.environ.get("DEIS_LOG_FORMAT", "console"),
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",  # Debian has haproxy and dockerd there
        }
