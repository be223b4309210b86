"""Writers at once, and those that died between two writes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Config, Release
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.releasing import Proposal
from tests.contract.controller.asking import config, versions
from tests.support.api import Api, Client


async def test_of_many_writers_at_once_no_update_is_lost(admin: Client, app: str) -> None:
    async def write(number: int) -> int:
        lost = 0
        while (answer := await config(admin, app, **{f"K{number}": "1"})).status != 201:
            assert answer.line == "409 CONFLICT"
            assert list(answer.json) == ["error"]
            lost += 1
        return lost

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(write(number))
    assert len((await admin("GET", f"{app}/config")).json["values"]) == 12
    assert [number for number, _ in await versions(admin, app)] == list(range(13, 0, -1))


class Orphans:
    """Releases that no app points at, as a writer leaves that died between its two writes."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.releases = Shelf(api.store, api.controller.keyspace.releases)

    async def leave(self, number: int, *, age: timedelta) -> Release:
        app = self.api.controller.picture.apps.mirror.get("hello")
        assert app is not None
        born = now() - age
        sealed = self.api.controller.vault.seal(app.uuid, {"ORPHAN": "1"})
        release = Release(
            uuid=f"orphan-{number}",
            app="hello",
            owner="ghost",
            number=number,
            summary="never flipped to",
            config=Config(uuid="c", owner="ghost", values=sealed, created=born),
            created=born,
        )
        await self.releases.create(release, app.uuid, number)
        return release


async def test_a_release_in_flight_is_a_conflict(api: Api, admin: Client, app: str) -> None:
    await Orphans(api).leave(2, age=timedelta(seconds=1))
    answer = await config(admin, app, A="1")
    assert answer.line == "409 CONFLICT"
    assert "try again" in answer.json["error"]
    assert [number for number, _ in await versions(admin, app)] == [1]


async def test_an_orphans_number_is_skipped_and_never_overwritten(api: Api, admin: Client, app: str) -> None:
    orphans = Orphans(api)
    orphan = await orphans.leave(2, age=timedelta(minutes=5))
    answer = await config(admin, app, A="1")
    assert answer.headers["Deis-Release"] == "3"
    assert answer.json["values"] == {"A": "1"}
    stored = [one.document for one in await orphans.releases.list() if one.document.number == 2]
    assert stored == [orphan]


async def test_who_loses_the_flip_leaves_nothing(api: Api, admin: Client, app: str) -> None:
    releasing, known = api.controller.releasing, api.controller.picture.apps.mirror.get("hello")
    assert known is not None
    base = await releasing.base(known)
    assert base.release is not None
    apps = Shelf(api.store, api.controller.keyspace.apps)
    await apps.update(lambda present: present.changed(formation={"cmd": 7}), "hello")
    answer = await admin("GET", f"{app}/releases")
    with pytest.raises(Exception, match="already in progress"):
        await releasing.release(base, Proposal(by="slow", summary="late", config=base.release.config))
    assert (await admin("GET", f"{app}/releases")).json == answer.json
    assert len((await api.store.list("/deis/releases/")).entries) == 1


async def test_a_write_whose_answer_was_lost_is_found_again(admin: Client, app: str, store: MemoryStore) -> None:
    store._line.lose_answers = True
    answer = await config(admin, app, A="1")
    assert answer.line == "503 SERVICE UNAVAILABLE"
    store._line.lose_answers = False
    listed = await versions(admin, app)
    assert listed in (
        [(1, "admin created initial release")],
        [(2, "admin added A"), (1, "admin created initial release")],
    )
