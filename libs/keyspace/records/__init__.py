"""The documents behind the keys: intent (what is wanted), node (what is seen), mesh (who is there)."""

from libs.keyspace.records.accounts import Cert, SshKey, Token, User
from libs.keyspace.records.checks import Check, Checks, ExecAction, HttpAction, HttpHeader, StaysUp, TcpAction
from libs.keyspace.records.intent import (
    App,
    AppSettings,
    Build,
    Cancelled,
    Config,
    Domain,
    Event,
    EventToken,
    PlatformSetting,
    Release,
)
from libs.keyspace.records.logs import Drain, DrainState, Ticket
from libs.keyspace.records.mesh import Leader, MeshMember, Node, Router, RouterView
from libs.keyspace.records.observed import ROUTED_TYPES, Health, Instance, LogEnd, Retiring, Service
from libs.keyspace.records.rollout import Alarm, Evidence, InstanceEvidence, Planned, Rollout, RouterEvidence

__all__ = [
    "ROUTED_TYPES",
    "Alarm",
    "App",
    "AppSettings",
    "Build",
    "Cancelled",
    "Cert",
    "Check",
    "Checks",
    "Config",
    "Domain",
    "Drain",
    "DrainState",
    "Event",
    "EventToken",
    "Evidence",
    "ExecAction",
    "Health",
    "HttpAction",
    "HttpHeader",
    "Instance",
    "InstanceEvidence",
    "Leader",
    "LogEnd",
    "MeshMember",
    "Node",
    "Planned",
    "PlatformSetting",
    "Release",
    "Retiring",
    "Rollout",
    "Router",
    "RouterEvidence",
    "RouterView",
    "Service",
    "SshKey",
    "StaysUp",
    "TcpAction",
    "Ticket",
    "Token",
    "User",
]
