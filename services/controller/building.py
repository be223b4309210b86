"""A new build on its way: read from a request by v1's rules, made a release of, and waited for.

A user brings one by the API, the builder one in a user's name: both go this way.
"""

from __future__ import annotations

import re
import uuid

from libs.keyspace.document import now
from libs.keyspace.records import App, Build, Config
from services.controller.controller import Controller
from services.controller.errors import Forbidden
from services.controller.fields import Fields
from services.controller.formation import read_procfile
from services.controller.process_types import default_formation
from services.controller.releasing import Base, Proposal, Released, content_of
from services.controller.summary import Content, summarise

OWN_COMPONENTS = frozenset(
    f"deis/{name}"
    for name in (
        "builder",
        "cache",
        "controller",
        "database",
        "logger",
        "logspout",
        "publisher",
        "registry",
        "router",
        "store-admin",
        "store-daemon",
        "store-gateway",
        "store-metadata",
        "store-monitor",
        "store-volume",
    )
)

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")


def repository(image: str) -> str:
    """An image's repository, without its registry's host, its tag and its digest."""
    name = image.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    path, slash, last = name.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"


def read_build(fields: Fields, app: App, by: str) -> Build:
    """The build that a request brings; raises `BadFields`, and `Forbidden` for the platform's own images."""
    image = fields.text("image", longest=256)
    if image and not _IMAGE.fullmatch(image):
        fields.wrongly("image", "Enter a valid image name.")
    sha = fields.text("sha", required=False, blank=True, longest=40)
    dockerfile = fields.text("dockerfile", required=False, blank=True)
    procfile = read_procfile(fields)
    fields.check()
    if repository(image) in OWN_COMPONENTS:
        raise Forbidden(f"Repository name {repository(image)} is not allowed")
    return Build(
        uuid=str(uuid.uuid4()),
        app=app.id,
        owner=by,
        image=image,
        sha=sha,
        procfile=procfile,
        dockerfile=dockerfile,
        created=now(),
    )


async def bring(controller: Controller, app: App, build: Build, by: str) -> int:
    """Make a release of the build, with the present config, and return its number once it is out.

    It may be that of a later release, which carries the build too. Raises as `Releasing.release` and `Settling.out`.
    """
    return await controller.settling.out(*await begin(controller, app, build, by))


async def begin(controller: Controller, app: App, build: Build, by: str) -> tuple[Released, Content, Content]:
    """The same without waiting: the release that is wanted now, and the contents between which it is the change."""
    base = await controller.releasing.base(app)
    config = _config(controller, base, by)
    content = content_of(build, config, base.values)
    summary = summarise(by, base.content, content)
    formation = base.app.document.formation or default_formation(build)
    proposal = Proposal(by=by, summary=summary, config=config, build=build, build_is_new=True, formation=formation)
    released = await controller.releasing.release(base, proposal)
    await controller.picture.apps.reach(released.revision)
    await controller.events.record(app, "released", by, summary, release=released.release.number)
    return released, base.content, content


def _config(controller: Controller, base: Base, by: str) -> Config:
    if base.release is not None:
        return base.release.config
    empty = controller.vault.seal(base.app.document.uuid, {})
    return Config(uuid=str(uuid.uuid4()), owner=by, values=empty, created=now())
