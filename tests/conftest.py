"""Fixtures for every tier: real servers on free ports, started once a session."""

from __future__ import annotations

pytest_plugins = ["tests.support.dockerd", "tests.support.etcd", "tests.support.haproxy"]
