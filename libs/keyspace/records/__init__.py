"""The documents behind the keys: intent (what is wanted), node (what is seen), mesh (who is there)."""

from libs.keyspace.records.accounts import Token, User
from libs.keyspace.records.checks import Check, ExecAction, HttpAction, HttpHeader, StaysUp, TcpAction
from libs.keyspace.records.intent import (
    App,
    AppSettings,
    Build,
    Config,
    Domain,
    Event,
    PlatformSetting,
    Release,
)
from libs.keyspace.records.mesh import Leader, MeshMember, Node, Router, RouterView
from libs.keyspace.records.observed import ROUTED_TYPES, Health, Instance, LogEnd, Retiring, Service
from libs.keyspace.records.rollout import Evidence, Planned, Rollout

__all__ = [
    "ROUTED_TYPES",
    "App",
    "AppSettings",
    "Build",
    "Check",
    "Config",
    "Domain",
    "Event",
    "Evidence",
    "ExecAction",
    "Health",
    "HttpAction",
    "HttpHeader",
    "Instance",
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
    "RouterView",
    "Service",
    "StaysUp",
    "TcpAction",
    "Token",
    "User",
]
