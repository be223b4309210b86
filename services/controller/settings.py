"""The controller's settings (`DEIS_CONTROLLER_…`, beside those of every daemon)."""

from __future__ import annotations

from pydantic import Field, SecretStr

from libs.daemon import Settings


class ControllerSettings(Settings):
    """Where the API listens, and what it bears."""

    controller_host: str = Field("127.0.0.1", description="where the API listens; routers on other hosts need more")
    controller_port: int = Field(8000, ge=0, le=65535, description="port of the API; 0 takes a free one")
    controller_url: str = Field("", description="where routers reach the API; empty: where it listens")
    router_trusted: str = Field(
        "",
        description="networks (CIDR, comma separated) of balancers in front of the routers, as the routers have them",
    )
    controller_body_limit: int = Field(1024 * 1024, ge=1024, description="longest request body, bytes")
    controller_wait_seconds: float = Field(
        1200.0,
        gt=0,
        description="how long a request waits for its rollout, which goes on, or its one-off run, which ends",
    )
    controller_most_followers: int = Field(500, ge=0, description="most answers that are followed live at once")
    builder_key: SecretStr = Field(
        SecretStr(""),
        description="what builders show the API (X-Deis-Builder-Auth); empty: made once, kept in the store",
    )
    internal_token: str = Field(
        "", repr=False, description="token between daemons; empty: the file secrets/internal.token in home"
    )
    controller_most_instances: int = Field(1000, ge=1, description="most instances of an app, all types together")
