"""What the tests of the logger and its agents stand on, unless they bring their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.engine.drivers.memory import MemoryEngine
from tests.integration.logger.world import Spoken, World


@pytest.fixture
def world(tmp_path: Path) -> Spoken:
    """A world whose instances say what the tests let them say."""
    engine = MemoryEngine()
    engine.add_image("app")
    return World(tmp_path, engine)
