"""A release as it is now: what it is, how it stands, and the course of its rollout."""

from __future__ import annotations

from collections.abc import Callable

from yarl import URL

from libs.keyspace.records import App, Release
from services.controller import course, shapes
from services.controller.pages import paginated
from services.controller.picture import Picture
from services.controller.standing import standing


def shape_of(picture: Picture, app: App) -> Callable[[Release], shapes.Shape]:
    """How a release of this app looks in a list."""
    rollouts, running = picture.outlines_of(app.uuid), picture.running(app.uuid)
    return lambda release: shapes.of_release(release, standing(release, app, rollouts, running))


def page_of(picture: Picture, app: App, url: URL) -> shapes.Shape:
    """The page of an app's releases that this address asks for, newest first.

    One whose writer has not flipped the app to it yet is not shown. It goes by what `Kept` watches, and nothing else.
    """
    return paginated(url, picture.releases_of(app.uuid, upto=app.latest), shape_of(picture, app))


def in_full(picture: Picture, app: App, release: Release) -> tuple[shapes.Shape, bool]:
    """A release with its course; and whether that is over."""
    rollout = picture.rollouts.mirror.get(app.uuid, release.number)
    stage = course.stage(app, release, rollout)
    return {**shape_of(picture, app)(release), **course.of_course(stage, rollout)}, stage.over
