"""The container of an instance: the body of `POST /containers/create`. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from libs.engine.engine import InstanceSpec
from libs.engine.labels import environment, labels

# What an ordinary web app needs: an entry point that runs as root may own files, read them, become another user, signal
# its workers and listen on a low port. Of Docker's default set it has not NET_RAW (forging packets to its neighbours),
# MKNOD, SYS_CHROOT, SETFCAP, SETPCAP and AUDIT_WRITE.
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")

# The log agent reads the engine's own store, which must not fill the disk; `local` is bounded, binary and compressed.
LOG_CONFIG = {"Type": "local", "Config": {"max-size": "20m", "max-file": "5"}}


def body(
    spec: InstanceSpec, *, platform: str, network: str, address: IPv4Address, init: bool = False
) -> dict[str, Any]:
    """How this instance is created."""
    config: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in environment(spec).items()],
        "Labels": labels(spec, platform),
        # Checks are the platform's: an image's own would wake the engine for nothing.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec, network, init=init),
        "NetworkingConfig": {"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": str(address)}}}},
    }
    if spec.command is not None:
        config["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        config["Entrypoint"] = list(spec.entrypoint)
    if spec.port is not None:
        config["ExposedPorts"] = {f"{spec.port}/tcp": {}}
    return config


def _host_config(spec: InstanceSpec, network: str, *, init: bool) -> dict[str, Any]:
    limits = spec.limits
    config: dict[str, Any] = {
        "NetworkMode": network,
        # Restarted in place, and after a reboot; but not once it was stopped (`always` would, on the next boot).
        "RestartPolicy": {"Name": "no" if spec.once else "unless-stopped"},
        "SecurityOpt": ["no-new-privileges"],
        "CapDrop": ["ALL"],
        "CapAdd": list(CAPABILITIES),
        "PidsLimit": limits.pids,
        "LogConfig": LOG_CONFIG,
    }
    if init:
        config["Init"] = True
    if limits.memory is not None:
        config["Memory"] = config["MemorySwap"] = limits.memory  # no swap beside it
    if limits.cpu_shares is not None:
        config["CpuShares"] = limits.cpu_shares
    return config
