"""A change of an app's config on its way: merged over the present one, and made a release of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from libs.keyspace.document import now
from libs.keyspace.records import App, Build, Config
from services.controller.config_change import ConfigChange, fits, merge
from services.controller.controller import Controller
from services.controller.errors import BadFields
from services.controller.healthchecks import merged, refuse_too_large
from services.controller.placement import wrong_with_tags
from services.controller.probe import BadProbe
from services.controller.releasing import Base, Proposal, Released, content_of
from services.controller.settling import Settling
from services.controller.summary import Content, summarise


@dataclass(frozen=True)
class Configured:
    """A config that an app wants now, with its values in the clear, the release that it makes, and the one before."""

    config: Config
    values: Mapping[str, str]
    build: Build | None
    released: Released
    before: Content
    after: Content

    async def out(self, settling: Settling) -> int:
        """The number of the release that it is out with, once it is; at once where there is no build."""
        if self.build is None:
            return self.released.release.number
        return await settling.out(self.released, self.before, self.after)


def headers_of(number: int) -> dict[str, str]:
    """What tells a client which release a change is out with."""
    return {"Deis-Release": str(number), "X-Deis-Release": str(number)}


async def configure(controller: Controller, app: App, change: ConfigChange, by: str) -> Configured:
    """Merge over the present config, and make a release of it.

    Raises `BadFields` for what does not fit together.
    """
    base = await controller.releasing.base(app)
    values = merge(base.values, change.values)
    if not fits(values):
        raise BadFields(values="All values together are longer than 512 KiB")
    config = _config(base, change, by, controller.vault.seal(app.uuid, values))
    _refuse_unplaceable(controller, change, config)
    content = content_of(base.build, config, values)
    summary = summarise(by, base.content, content)
    released = await controller.releasing.release(
        base, Proposal(by=by, summary=summary, config=config, build=base.build)
    )
    await controller.picture.apps.reach(released.revision)
    await controller.events.record(app, "released", by, summary, release=released.release.number)
    return Configured(config, values, base.build, released, base.content, content)


def _config(base: Base, change: ConfigChange, by: str, sealed: str) -> Config:
    before = base.release.config if base.release else None
    healthcheck = merged(before.healthcheck if before else {}, change.healthcheck)
    try:
        refuse_too_large(healthcheck)
    except BadProbe as bad:
        raise BadFields(healthcheck=bad.reasons) from bad
    return Config(
        uuid=str(uuid.uuid4()),
        owner=by,
        values=sealed,
        memory=merge(before.memory if before else {}, change.memory),
        cpu=merge(before.cpu if before else {}, change.cpu),
        tags=merge(before.tags if before else {}, change.tags),
        healthcheck=healthcheck,
        created=now(),
    )


def _refuse_unplaceable(controller: Controller, change: ConfigChange, config: Config) -> None:
    """Raise `BadFields` for new tags that no present node carries; taking tags away is always fine."""
    if all(value is None for value in change.tags.values()):
        return
    nodes = {parts[0]: node for parts, node in controller.picture.nodes.mirror.items()}
    if wrong := wrong_with_tags(config.tags, nodes):
        raise BadFields(tags=wrong)
