"""Apps: creating, seeing, giving away, destroying."""

from __future__ import annotations

import asyncio
import re

from libs.keyspace.document import now
from libs.keyspace.records import App, Domain
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.support.api import Api, Client

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dUTC")


async def share(api: Api, app: str, username: str) -> None:
    apps = Shelf(api.store, api.controller.keyspace.apps)
    stored = await apps.update(lambda present: present.changed(collaborators=(username,)), app)
    assert stored is not None
    await api.controller.picture.apps.reach(stored.revision)


async def test_an_app_looks_as_in_v1(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", {"id": "hello"})
    assert answer.line == "201 CREATED"
    assert list(answer.json) == ["uuid", "id", "owner", "url", "structure", "created", "updated", "alarms", "rollout"]
    assert answer.json["url"] == "hello.example.net"
    assert answer.json["structure"] == {}
    assert DATE.fullmatch(answer.json["created"])
    assert answer.headers["Location"] == f"{admin.url}/v1/apps/hello"
    shown = await admin("GET", "/v1/apps/hello")
    assert (shown.line, shown.json) == ("200 OK", answer.json)


async def test_a_new_app_has_one_empty_release(admin: Client, app: str) -> None:
    releases = (await admin("GET", f"{app}/releases")).json
    assert [(one["version"], one["summary"], one["build"]) for one in releases["results"]] == [
        (1, "admin created initial release", None)
    ]
    assert (await admin("GET", f"{app}/config")).json["values"] == {}


async def test_an_app_without_an_id_gets_a_random_one(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", {})
    assert re.fullmatch(r"[a-z]{6}-[a-z]{8}", answer.json["id"])


async def test_of_many_who_want_a_name_one_gets_it(admin: Client, store: MemoryStore) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(admin("POST", "/v1/apps", {"id": "hello"})) for _ in range(10)]
    answers = [task.result() for task in tasks]
    assert sorted(answer.status for answer in answers) == [201] + [400] * 9
    assert all(a.json == {"id": ["This field must be unique."]} for a in answers if a.status == 400)
    assert len((await store.list("/deis/releases/")).entries) == 1


async def test_apps_are_listed_to_who_may_see_them(api: Api, admin: Client, app: str) -> None:
    owner, friend, other = [await api.client.joined(name) for name in ("owner", "friend", "other")]
    await owner("POST", "/v1/apps", {"id": "owned"})
    await share(api, "owned", "friend")

    async def seen(client: Client) -> list[str]:
        return [one["id"] for one in (await client("GET", "/v1/apps")).json["results"]]

    assert await seen(admin) == ["hello", "owned"]
    assert await seen(owner) == await seen(friend) == ["owned"]
    assert await seen(other) == []


async def test_listings_come_in_pages(admin: Client) -> None:
    for name in ("a", "b", "c"):
        await admin("POST", "/v1/apps", {"id": name})
    page = (await admin("GET", "/v1/apps?page_size=2")).json
    assert (page["count"], [one["id"] for one in page["results"]]) == (3, ["a", "b"])
    assert page["next"] == f"{admin.url}/v1/apps?page=2&page_size=2"
    missing = await admin("GET", "/v1/apps?page=9")
    assert (missing.line, missing.json) == ("404 NOT FOUND", {"detail": "Not found"})


async def test_a_stranger_may_not_and_a_missing_app_is_not_found(api: Api, admin: Client, app: str) -> None:
    other = await api.client.joined("other")
    denied = await other("GET", app)
    assert (denied.line, denied.json) == (
        "403 FORBIDDEN",
        {"detail": "You do not have permission to perform this action."},
    )
    missing = await admin("GET", "/v1/apps/nope")
    assert (missing.line, missing.json) == ("404 NOT FOUND", {"detail": "Not found"})


async def test_a_collaborator_may_do_all_but_delete(api: Api, admin: Client, app: str) -> None:
    friend = await api.client.joined("friend")
    await share(api, "hello", "friend")
    assert (await friend("POST", f"{app}/config", {"values": {"A": "1"}})).status == 201
    assert (await friend("POST", f"{app}/domains", {"domain": "example.org"})).status == 201
    assert (await friend("DELETE", f"{app}/domains/example.org")).status == 403
    assert (await friend("DELETE", app)).status == 403
    assert (await friend("POST", app, {"owner": "friend"})).status == 403


async def test_an_app_is_given_away_by_its_owner(api: Api, admin: Client, app: str) -> None:
    heir = await api.client.joined("heir")
    answer = await admin("POST", app, {"owner": "heir"})
    assert (answer.line, answer.text) == ("200 OK", "")
    assert (await heir("GET", app)).json["owner"] == "heir"
    assert (await admin("POST", app, {"owner": "nobody"})).status == 404
    assert (await admin("POST", app, {})).line == "200 OK"


async def test_a_destroyed_app_is_gone_when_the_answer_comes(admin: Client, built: str, store: MemoryStore) -> None:
    answer = await admin("DELETE", built)
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")
    assert (await admin("GET", built)).status == 404
    assert (await admin("POST", "/v1/apps", {"id": "hello"})).status == 201
    assert (await admin("GET", f"{built}/builds")).json["count"] == 0


async def test_an_app_on_its_way_out_takes_no_changes(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    apps = Shelf(api.store, api.controller.keyspace.apps)
    stored = await apps.update(lambda present: present.changed(state="destroying"), "hello")
    assert stored is not None
    for path, body in (("config", {}), ("builds", {"image": "a"}), ("scale", {"cmd": 2}), ("releases/rollback", {})):
        assert (await admin("POST", f"{built}/{path}", body)).status == 404


async def test_a_structure_given_at_the_start_is_kept(admin: Client) -> None:
    answer = await admin("POST", "/v1/apps", {"id": "hello", "structure": {"cmd": 2}})
    assert answer.json["structure"] == {"cmd": 2}
    await admin("POST", "/v1/apps/hello/builds", {"image": "a"})
    assert (await admin("GET", "/v1/apps/hello/containers")).json["count"] == 2


async def test_a_name_under_which_a_domain_answers_is_taken(api: Api, admin: Client, app: str) -> None:
    """As there is one where the platform's own domain was another before."""
    picture, keyspace = api.controller.picture, api.controller.keyspace
    domain = Domain(app="hello", domain="shop.example.net", owner="admin", created=now())
    await picture.domains.reach(await Shelf(api.store, keyspace.domains).create(domain, "shop.example.net"))
    refused = await admin("POST", "/v1/apps", {"id": "shop"})
    assert refused.json == {"id": ["This field must be unique."]}


async def test_what_a_newer_controller_wrote_survives(api: Api, admin: Client, built: str) -> None:
    apps = Shelf(api.store, api.controller.keyspace.apps)

    def extend(present: App) -> App:
        return App.model_validate({**present.model_dump(), "colour": "blue"})

    await apps.update(extend, "hello")
    assert (await admin("POST", f"{built}/scale", {"cmd": 2})).status == 204
    stored = await apps.get("hello")
    assert stored is not None
    assert stored.document.model_extra == {"colour": "blue"}
