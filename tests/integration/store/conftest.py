"""A real etcd that is killed, wiped, restored, cut off and locked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from libs.daemon import Settings
from libs.keyspace import Keyspace
from tests.support.etcd import EtcdServer


@pytest.fixture
def keyspace() -> Keyspace:
    return Keyspace()


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """A daemon's settings for an etcd, with a home of its own."""

    def settings_for_(etcd: EtcdServer, **more: object) -> Settings:
        return Settings.model_validate({"home": tmp_path / "home", "store_endpoints": etcd.endpoint, **more})

    return settings_for_
