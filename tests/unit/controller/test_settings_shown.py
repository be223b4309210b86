"""What a settings object shows of itself, as in a traceback."""

from __future__ import annotations

import pytest

from libs.daemon import Settings
from services.controller.settings import ControllerSettings
from services.log_agent.settings import LogAgentSettings
from services.logger.settings import LoggerSettings


@pytest.mark.parametrize("kind", [ControllerSettings, LogAgentSettings, LoggerSettings])
def test_the_daemons_word_is_not_shown(kind: type[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIS_INTERNAL_TOKEN", "0123456789abcdef")
    settings = kind()
    assert getattr(settings, "internal_token") == "0123456789abcdef"  # noqa: B009 - of three kinds
    assert "0123456789abcdef" not in f"{settings!r}{settings}"
