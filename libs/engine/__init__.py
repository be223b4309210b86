"""The engine seam: single instances on whatever runs containers.

`engine` is the protocol (`Engine`, and the narrow optional seams `Images`, `Logs`, `Endings`, `Exec` beside it),
`drivers/` its implementations (`docker`, `memory`; the file's name is the configured name).
"""

from libs.engine.engine import (
    Endings,
    Engine,
    EngineEvent,
    Exec,
    Executed,
    Identity,
    Image,
    Images,
    Instance,
    InstanceSpec,
    Limits,
    LogPiece,
    Logs,
    Population,
    Stranger,
)
from libs.engine.errors import (
    AddressesExhausted,
    EngineError,
    EngineUnavailable,
    ExecTimedOut,
    ImageNotFound,
    InstanceRefused,
)

__all__ = [
    "AddressesExhausted",
    "Endings",
    "Engine",
    "EngineError",
    "EngineEvent",
    "EngineUnavailable",
    "Exec",
    "ExecTimedOut",
    "Executed",
    "Identity",
    "Image",
    "ImageNotFound",
    "Images",
    "Instance",
    "InstanceRefused",
    "InstanceSpec",
    "Limits",
    "LogPiece",
    "Logs",
    "Population",
    "Stranger",
]
