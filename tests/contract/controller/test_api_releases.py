"""Config, builds, releases and going back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Config, Evidence, Node, Release
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.releasing import Proposal
from tests.support.api import Answer, Api, Client
from tests.support.waiting import eventually


async def config(client: Client, app: str, **values: Any) -> Answer:
    return await client("POST", f"{app}/config", {"values": values})


async def versions(client: Client, app: str) -> list[tuple[int, str]]:
    listed = (await client("GET", f"{app}/releases")).json["results"]
    return [(one["version"], one["summary"]) for one in listed]


async def test_a_config_without_a_build_is_a_release_at_once(api: Api, admin: Client, app: str) -> None:
    api.deployer.holding = True
    answer = await config(admin, app, A=5, B="two words")
    assert answer.line == "201 CREATED"
    groups = ["values", "memory", "cpu", "tags", "healthcheck"]
    assert list(answer.json) == ["uuid", "app", "owner", *groups, "created", "updated"]
    assert answer.json["values"] == {"A": "5", "B": "two words"}
    assert answer.headers["Deis-Release"] == answer.headers["X-Deis-Release"] == "2"
    assert await versions(admin, app) == [(2, "admin added A, B"), (1, "admin created initial release")]


async def test_a_config_merges_and_null_deletes(admin: Client, app: str) -> None:
    await config(admin, app, A="1", B="1")
    answer = await config(admin, app, A=None, B="2", C="1", nope=None)
    assert answer.json["values"] == {"B": "2", "C": "1"}
    assert (await admin("GET", f"{app}/config")).json == answer.json
    assert (await versions(admin, app))[0] == (3, "admin added C, changed B, deleted A")


async def test_with_a_build_the_answer_names_the_release(admin: Client, built: str) -> None:
    answer = await config(admin, built, A="1")
    assert answer.json["values"] == {"A": "1", "DEIS_APP": "hello", "DEIS_RELEASE": "v3"}
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1"}


async def test_an_empty_config_is_a_release_too(admin: Client, app: str) -> None:
    assert (await admin("POST", f"{app}/config", {})).headers["Deis-Release"] == "2"
    assert (await versions(admin, app))[0] == (2, "admin changed nothing")


async def test_limits_and_tags_are_kept_apart(admin: Client, app: str) -> None:
    body = {"memory": '{"web": "1G"}', "cpu": {"web": "512"}, "tags": {"rack": "a"}}
    answer = await admin("POST", f"{app}/config", body)
    assert [answer.json[name] for name in ("memory", "cpu", "tags")] == [{"web": "1G"}, {"web": 512}, {"rack": "a"}]
    await admin("POST", f"{app}/config", {"memory": {"web": None}})
    shown = (await admin("GET", f"{app}/config")).json
    assert [shown[name] for name in ("memory", "cpu", "tags")] == [{}, {"web": 512}, {"rack": "a"}]


async def test_tags_that_no_present_node_carries_are_refused(api: Api, admin: Client, app: str) -> None:
    keys = api.controller.keyspace
    for name, tags in (("n1", {"rack": "a", "disk": "ssd"}), ("n2", {"rack": "b"})):
        await api.store.put(keys.nodes.key(name), Node(address="10.0.0.1", cpus=1, memory=1, tags=tags).encode())
    await eventually(lambda: len(api.controller.picture.nodes.mirror.items()) == 2)
    assert (await admin("POST", f"{app}/config", {"tags": {"rack": "a"}})).status == 201
    answer = await admin("POST", f"{app}/config", {"tags": {"rack": "b", "disk": "ssd"}})
    message = "No node carries disk=ssd rack=b. The nodes' tags: n1 (disk=ssd rack=a), n2 (rack=b)"
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"tags": [message]})
    assert (await admin("GET", f"{app}/config")).json["tags"] == {"rack": "a"}
    for name in ("n1", "n2"):
        await api.store.put(keys.nodes.key(name), Node(address="10.0.0.1", cpus=1, memory=1).encode())
    assert (await admin("POST", f"{app}/config", {"values": {"A": "1"}})).status == 201
    assert (await admin("POST", f"{app}/config", {"tags": {"rack": None}})).json["tags"] == {}


async def test_values_are_never_stored_in_the_clear(admin: Client, app: str, store: MemoryStore) -> None:
    await config(admin, app, PASSWORD="correct horse battery")
    everything = await store.list("/deis/")
    assert all(b"correct horse" not in entry.value for entry in everything.entries)


async def test_a_build_is_a_release_and_starts_the_app(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/builds", {"image": "acme/hello:1"})
    assert answer.line == "201 CREATED"
    fields = ["owner", "app", "image", "sha", "procfile", "dockerfile", "created", "updated", "uuid"]
    assert list(answer.json) == fields
    assert answer.headers["Deis-Release"] == "2"
    assert (await admin("GET", app)).json["structure"] == {"cmd": 1}
    assert (await versions(admin, app))[0] == (2, "admin deployed acme/hello:1")
    assert (await admin("GET", f"{app}/builds/{answer.json['uuid']}")).json == answer.json
    release = (await admin("GET", f"{app}/releases/v2")).json
    fields = ["uuid", "app", "owner", "created", "updated", "version", "summary", "config", "build"]
    assert list(release) == [*fields, "state", "reason", "evidence"]
    assert release["build"] == answer.json["uuid"]


async def test_the_history_tells_what_runs_and_what_failed(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/bad:1"] = "it does not start"
    await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    await eventually(lambda: state_is(admin, built, 2, "current"))
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    told = [(one["version"], one["state"], one["reason"]) for one in listed]
    assert told == [(3, "failed", "it does not start"), (2, "current", ""), (1, "", "")]
    api.deployer.failing.clear()
    await config(admin, built, A="1")
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    assert [one["state"] for one in listed] == ["current", "failed", "", ""]


async def state_is(client: Client, app: str, number: int, state: str) -> bool:
    return bool((await client("GET", f"{app}/releases/v{number}")).json["state"] == state)


async def test_a_release_tells_how_long_its_phases_took(api: Api, admin: Client, built: str) -> None:
    rollouts = Shelf(api.store, api.controller.keyspace.rollouts)
    began = now()
    phases = (Evidence(phase="starting", began=began, ended=began + timedelta(seconds=1.5), note="cmd.1 to start"),)
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    changed = await rollouts.update(lambda rollout: rollout.changed(evidence=phases), app.uuid, 2)
    assert changed is not None
    await api.controller.picture.rollouts.reach(changed.revision)
    shown = (await admin("GET", f"{built}/releases/v2")).json
    assert shown["evidence"] == [{"phase": "starting", "seconds": 1.5, "note": "cmd.1 to start"}]
    assert all("evidence" not in one for one in (await admin("GET", f"{built}/releases")).json["results"])


async def test_builds_are_listed_newest_first(admin: Client, built: str) -> None:
    body = {"image": "acme/hello:2", "procfile": '{"web": "run"}', "sha": "0123456789"}
    await admin("POST", f"{built}/builds", body)
    listed = (await admin("GET", f"{built}/builds")).json["results"]
    assert [one["image"] for one in listed] == ["acme/hello:2", "acme/hello:1"]
    assert listed[0]["procfile"] == {"web": "run"}
    assert (await versions(admin, built))[0] == (3, "admin deployed 0123456")


async def test_the_platforms_own_images_are_refused(admin: Client, app: str) -> None:
    for image in ("deis/controller", "deis/router:v1", "registry.example.org:5000/deis/builder@sha256:abc"):
        answer = await admin("POST", f"{app}/builds", {"image": image})
        assert answer.line == "403 FORBIDDEN"
    assert answer.json == {"detail": "Repository name deis/builder is not allowed"}
    assert (await admin("POST", f"{app}/builds", {"image": "deis/example-go"})).status == 201


async def test_a_failed_rollout_is_503_and_leaves_what_was(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    api.deployer.failing["acme/bad:1"] = "image acme/bad:1 cannot be had: manifest unknown"
    answer = await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json == {"detail": "image acme/bad:1 cannot be had: manifest unknown\nTraceback: boom"}
    await eventually(lambda: config_is(admin, built, {"A": "1"}))
    again = await config(admin, built, B="2")
    assert again.status == 201
    assert again.headers["Deis-Release"] == "5"
    assert again.json["values"] == {"A": "1", "B": "2", "DEIS_APP": "hello", "DEIS_RELEASE": "v5"}


async def config_is(client: Client, app: str, values: dict[str, str]) -> bool:
    return bool((await client("GET", f"{app}/config")).json["values"] == values)


async def test_a_failed_config_is_not_the_base_of_the_next(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/hello:1"] = "it does not start"
    assert (await config(admin, built, BAD="1")).status == 503
    api.deployer.failing.clear()
    await eventually(lambda: config_is(admin, built, {}))
    assert "BAD" not in (await config(admin, built, GOOD="1")).json["values"]


async def test_going_back_is_a_new_release(admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    await config(admin, built, A="2")
    answer = await admin("POST", f"{built}/releases/rollback", {})
    assert (answer.line, answer.json) == ("201 CREATED", {"version": 5})
    assert (await versions(admin, built))[0] == (5, "admin rolled back to v3")
    await config(admin, built, B="1")
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1", "B": "1"}


async def test_going_back_to_a_numbered_release(admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    assert (await admin("POST", f"{built}/releases/rollback", {"version": 2})).json == {"version": 4}
    assert (await admin("POST", f"{built}/releases/rollback", {"version": "3"})).json == {"version": 5}
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1"}
    assert (await admin("POST", f"{built}/releases/rollback", {"version": 0})).json == {"version": 6}


async def test_going_back_passes_over_failed_releases(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    api.deployer.failing["acme/bad:1"] = "no"
    await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    await eventually(lambda: config_is(admin, built, {"A": "1"}))
    await admin("POST", f"{built}/releases/rollback", {})
    assert (await versions(admin, built))[0] == (5, "admin rolled back to v2")


async def test_going_back_to_where_there_was_no_build_does_not_end_what_runs(admin: Client, built: str) -> None:
    for body in ({"version": 1}, {}):
        answer = await admin("POST", f"{built}/releases/rollback", body)
        assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": "No build associated with release v1"})
    assert len(await versions(admin, built)) == 2


async def test_going_back_without_a_build_is_a_release_like_any_other(admin: Client, app: str) -> None:
    await config(admin, app, A="1")
    assert (await admin("POST", f"{app}/releases/rollback", {"version": 1})).json == {"version": 3}
    assert (await admin("GET", f"{app}/config")).json["values"] == {}


@pytest.mark.parametrize(
    ("version", "status", "body"),
    [
        (-1, 400, {"detail": "version cannot be below 0"}),
        ("-3", 400, {"detail": "version cannot be below 0"}),
        (99, 404, {"detail": "Not found"}),
        ("x", 400, {"version": ["A valid integer is required."]}),
        ([], 400, {"version": ["A valid integer is required."]}),
        (10**30, 400, {"version": ["A valid integer is required."]}),
        (1.5, 400, {"version": ["A valid integer is required."]}),
    ],
)
async def test_a_bad_version_is_refused(admin: Client, built: str, version: Any, status: int, body: object) -> None:
    answer = await admin("POST", f"{built}/releases/rollback", {"version": version})
    assert (answer.status, answer.json) == (status, body)
    assert len(await versions(admin, built)) == 2


async def test_there_is_nothing_before_the_first_release(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/releases/rollback", {})
    assert (answer.status, answer.json) == (400, {"detail": "There is no earlier release to go back to from v1"})


@pytest.mark.parametrize("version", ["v99", "v0", "v" + "9" * 40])
async def test_a_release_that_there_is_not_is_not_found(admin: Client, app: str, version: str) -> None:
    answer = await admin("GET", f"{app}/releases/{version}")
    assert (answer.line, answer.json) == ("404 NOT FOUND", {"detail": "Not found"})


async def test_a_request_waits_for_its_rollout(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(config(admin, built, A="1"))
        await eventually(lambda: config_is(admin, built, {"A": "1"}))
        assert not waiting.done()
        api.deployer.holding = False
        api.deployer.look()
    assert waiting.result().status == 201


class Overtaken:
    """Two requests of which the second comes while the first one waits; then the deployer acts on the second."""

    def __init__(self, api: Api, client: Client, app: str) -> None:
        self.api, self.client, self.app = api, client, app

    async def by(self, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]) -> tuple[Answer, Answer]:
        """The answers to both."""
        self.api.deployer.holding = True
        async with asyncio.TaskGroup() as group:
            tasks = []
            for path, body in (first, second):
                before = await self.wanted()
                tasks.append(group.create_task(self.client("POST", f"{self.app}/{path}", body)))
                await eventually(partial(self.passed, before))
            self.api.deployer.holding = False
            self.api.deployer.look()
        return tasks[0].result(), tasks[1].result()

    async def wanted(self) -> int:
        stored = await Shelf(self.api.store, self.api.controller.keyspace.apps).get("hello")
        assert stored is not None
        return stored.document.release

    async def passed(self, before: int) -> bool:
        return await self.wanted() > before


@pytest.fixture
def overtaken(api: Api, admin: Client, built: str) -> Overtaken:
    return Overtaken(api, admin, built)


def setting(**values: str | None) -> tuple[str, dict[str, Any]]:
    return "config", {"values": values}


def bringing(image: str) -> tuple[str, dict[str, Any]]:
    return "builds", {"image": image}


async def test_a_config_that_a_later_one_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(setting(A="1"), setting(B="1"))
    assert [first.status, second.status] == [201, 201]
    assert first.json["values"]["DEIS_RELEASE"] == second.json["values"]["DEIS_RELEASE"] == "v4"
    assert first.headers["Deis-Release"] == "4"


async def test_a_config_that_a_later_build_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(setting(A="1"), bringing("acme/hello:2"))
    assert [first.status, second.status] == [201, 201]
    assert first.headers["Deis-Release"] == "4"


async def test_a_build_that_a_later_config_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(bringing("acme/hello:2"), setting(A="1"))
    assert [first.status, second.status] == [201, 201]
    assert first.headers["Deis-Release"] == "4"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bringing("acme/hello:2"), bringing("acme/hello:3")),
        (setting(A="1"), setting(A="2")),
        (setting(A="1"), setting(A=None)),
        (setting(A="1"), ("releases/rollback", {"version": 2})),
        (bringing("acme/hello:2"), ("releases/rollback", {"version": 2})),
    ],
)
async def test_a_change_that_a_later_release_lacks_was_superseded(
    overtaken: Overtaken, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    answers = await overtaken.by(first, second)
    assert answers[1].status == 201
    assert answers[0].line == "409 CONFLICT"
    assert answers[0].json == {"detail": "v3 was superseded by v4 before it was deployed"}
    events = (await overtaken.client("GET", f"{overtaken.app}/events")).json["results"]
    assert [one["message"] for one in events if one["kind"] == "superseded"] == ["v3 was superseded by v4"]


async def test_a_change_whose_successor_fails_is_not_out(overtaken: Overtaken) -> None:
    overtaken.api.deployer.failing["acme/bad:1"] = "it does not start"
    first, second = await overtaken.by(setting(A="1"), bringing("acme/bad:1"))
    assert [first.line, second.line] == ["503 SERVICE UNAVAILABLE"] * 2
    assert first.json["detail"].startswith("it does not start")


async def test_a_scale_that_a_later_release_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    overtaken.api.deployer.holding = True
    apps = Shelf(overtaken.api.store, overtaken.api.controller.keyspace.apps)

    async def scaled() -> bool:
        stored = await apps.get("hello")
        return stored is not None and stored.document.formation == {"cmd": 2}

    async with asyncio.TaskGroup() as group:
        scale = group.create_task(overtaken.client("POST", f"{overtaken.app}/scale", {"cmd": 2}))
        await eventually(scaled)
        release = group.create_task(overtaken.client("POST", f"{overtaken.app}/builds", {"image": "acme/hello:2"}))
        await eventually(lambda: overtaken.passed(2))
        overtaken.api.deployer.holding = False
        overtaken.api.deployer.look()
    assert [scale.result().status, release.result().status] == [204, 201]


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
