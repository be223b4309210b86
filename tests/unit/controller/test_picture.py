"""What the picture keeps at hand of an app is as new as its mirrors."""

from __future__ import annotations

from libs.daemon import supervise
from libs.keyspace import Document, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Build, Config, Release
from libs.store.drivers.memory import MemoryStore
from services.controller.picture import Picture
from tests.support.waiting import eventually

MOMENT = now()


def app(release: int, **formation: int) -> App:
    return App(
        id="a", uuid="u", owner="ann", formation=formation, release=release, latest=9, created=MOMENT, updated=MOMENT
    )


def release(number: int, build: str | None) -> Release:
    config = Config(uuid="c", owner="ann", values="", created=MOMENT)
    return Release(
        uuid="r", app="a", owner="ann", number=number, summary="s", build=build, config=config, created=MOMENT
    )


def build(uuid: str, **procfile: str) -> Build:
    return Build(uuid=uuid, app="a", owner="ann", image="i", sha="1", procfile=procfile, created=MOMENT)


async def test_an_apps_structure_is_what_its_present_build_has_of_its_present_formation() -> None:
    store, keys = MemoryStore(), Keyspace()
    picture = Picture(store, keys)

    async def put(key: str, record: Document) -> None:
        revision = await store.put(key, record.encode())
        mirrors = picture.mirrors.all().values()
        await eventually(lambda: any(mirror.revision >= revision for mirror in mirrors), what="a mirror shows it")

    def told() -> dict[str, int]:
        present = picture.apps.mirror.get("a")
        assert present is not None
        again = dict(picture.structure_of(present))
        assert again == picture.structure_of(present)
        return again

    async with supervise(**picture.tasks()):
        await eventually(lambda: picture.complete, what="all is listed")
        await put(keys.builds.key("u", "b1"), build("b1", web="x", worker="y"))
        await put(keys.builds.key("u", "b2"), build("b2", web="x"))
        await put(keys.releases.key("u", 1), release(1, None))
        await put(keys.releases.key("u", 2), release(2, "b1"))
        await put(keys.apps.key("a"), app(1, web=1, worker=2))
        assert told() == {"web": 1, "worker": 2}
        await put(keys.apps.key("a"), app(2, web=1, worker=2, clock=3))
        assert told() == {"web": 1, "worker": 2}
        await put(keys.apps.key("a"), app(2, web=4))
        assert told() == {"web": 4}
        await put(keys.apps.key("a"), app(3, web=4, worker=2))
        assert told() == {"web": 4, "worker": 2}
        await put(keys.releases.key("u", 3), release(3, "b2"))
        assert told() == {"web": 4}
        await put(keys.releases.key("u", 3), release(3, "b1"))
        assert told() == {"web": 4, "worker": 2}
