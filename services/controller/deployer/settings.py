"""What an operator may set of the deployer (`DEIS_DEPLOYER_…`), beside every daemon's settings."""

from __future__ import annotations

from pydantic import Field

from libs.daemon import Settings


class DeployerSettings(Settings):
    """How the deployer rolls. Times are seconds."""

    deployer_surge: float = Field(
        0.25, gt=0, description="share of a type that is started at once, beside the old ones"
    )
    deployer_default_port: int = Field(
        5000, gt=0, lt=65536, description="where web and cmd listen if the image is mute"
    )
    deployer_keep_stopped: float = Field(60.0, ge=0, description="a stopped instance waits this long for the log agent")
    deployer_run_slack: float = Field(
        30.0, ge=0, description="a one-off run is left to its own controller so much longer"
    )
    deployer_router_veto: float = Field(60.0, ge=0, description="veto of a router that vanished together with its node")
    deployer_retry: float = Field(10.0, gt=0, description="before a refused or fruitless start is tried again")
    deployer_pull_limit: float = Field(1800.0, gt=0, description="an image that is not there by then cannot be had")
    deployer_engine_limit: float = Field(60.0, gt=0, description="an engine's answer to any other verb")
    deployer_look_every: float = Field(
        30.0, gt=0, description="every app is looked at this often when nothing wakes it"
    )
    deployer_observe_every: float = Field(
        10.0, gt=0, description="the engine is listed this often when nothing happens"
    )
    deployer_looks: int = Field(16, ge=1, description="apps that are looked at at the same time")
    deployer_starts: int = Field(8, ge=1, description="instances that are started at the same time")
    deployer_stops: int = Field(32, ge=1, description="instances that are stopped or removed at the same time")
    deployer_pulls: int = Field(4, ge=1, description="images that are resolved at the same time")
