"""Fixtures for every tier: real servers on free ports, started once a session."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.dockerd", "tests.support.etcd", "tests.support.haproxy"]

# No example has a deadline: how long one takes says more of the machine's load than of the code.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
