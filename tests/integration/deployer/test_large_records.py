"""A rollout that the store finds too large for one record is held, and holds nobody else up."""

from __future__ import annotations

import pytest

from libs.store import ledger
from tests.support.deployer.platform import MemoryPlatform
from tests.support.waiting import eventually


async def test_an_app_whose_record_is_too_large_holds_no_other_up(
    platform: MemoryPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LARGEST", 10_000)
    large = await platform.create("large")
    await platform.deploy(large, "shop", formation={"cmd": 100})
    await eventually(lambda: platform.rollout(large, 2), what="the large app's rollout began")
    assert (await platform.run(await platform.create("small"), formation={"cmd": 1})).phase == "done"
    assert await platform.up(large) == []
