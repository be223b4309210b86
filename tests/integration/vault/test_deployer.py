"""What the deployer does when the key of a config is not there for a while."""

from __future__ import annotations

from libs.daemon import supervise
from libs.vault import KeyMissing
from tests.support.deployer.platform import MemoryPlatform
from tests.support.waiting import eventually


class Keyless(MemoryPlatform):
    """A platform whose deployer has not the key until it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.key_is_here = False
        self.asked = 0

    def unseal(self, app_uuid: str, sealed: str) -> dict[str, str]:
        """As a vault does."""
        self.asked += 1
        if not self.key_is_here:
            raise KeyMissing("key 'elsewhere' is not here")
        return super().unseal(app_uuid, sealed)


async def test_a_start_waits_for_its_key_and_fails_no_release() -> None:
    platform = Keyless()
    async with supervise(agents=platform.agents.run()), platform.deploying():
        app = await platform.create()
        revision = await platform.deploy(app, "shop", formation={"cmd": 1})
        await eventually(lambda: platform.asked >= 3)
        waiting = await eventually(lambda: platform.rollout(app, 2))
        assert not waiting.settled
        assert await platform.there() == []

        platform.key_is_here = True

        rollout = await platform.settled(app, 2, revision)
        assert rollout.phase == "done", rollout
        await platform.only("v2 cmd.1")
