"""Log drains of apps, and of the platform."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from libs.keyspace.document import now
from libs.keyspace.records import Drain, DrainState
from libs.keyspace.records.logs import PLATFORM
from libs.store.shelf import Shelf
from services.controller.drains import MOST, Drains
from services.controller.shapes import date
from tests.support.api import Answer, Api, Client
from tests.support.certificates import make_certificate
from tests.support.loggers import announce

SHOWN = ["id", "app", "owner", "url", "token", "select", "created", "client_certificate", "state"]
EXAMPLE = make_certificate("shop.example.org")
CA = make_certificate("Authority")
OF_PLATFORM = "/v1/admin/drains"
SYSLOG = {"url": "syslog://logs.example.org:514"}
SECRETIVE = {
    "url": "https://ann:s3cr3t%40x@logs.example.org:8443/in?key=t0ken",
    "client_certificate": EXAMPLE.pem,
    "client_key": EXAMPLE.key,
    "ca": CA.pem,
}


def syslog_at(port: int) -> dict[str, str]:
    return {"url": f"syslog://logs.example.org:{port}"}


def uuid_of(api: Api, app: str = "hello") -> str:
    found = api.controller.picture.apps.mirror.get(app)
    assert found is not None
    return found.uuid


async def kept(api: Api, scope: str) -> list[Drain]:
    return [stored.document for stored in await Shelf(api.store, api.controller.keyspace.drains).list(scope)]


async def say(api: Api, drain: str, logger: str, **fields: Any) -> None:
    """Write how a logger fares with a drain."""
    states = Shelf(api.store, api.controller.keyspace.drain_states)
    revision = await states.put(DrainState(since=now(), updated=now(), **fields), drain, logger)
    await api.controller.picture.drain_states.reach(revision)


async def ids(client: Client, path: str) -> list[str]:
    return [one["id"] for one in (await client("GET", path)).json["results"]]


async def test_a_drain_looks_the_same_wherever_it_is_shown(admin: Client, app: str) -> None:
    added = await admin("POST", f"{app}/drains", {**SYSLOG, "select": {"process": "web", "release": 3}})
    assert added.line == "201 CREATED"
    assert list(added.json) == SHOWN
    assert (added.json["app"], added.json["owner"], added.json["url"]) == ("hello", "admin", SYSLOG["url"])
    assert added.json["select"] == {"process": "web", "release": "3"}
    assert (added.json["client_certificate"], added.json["state"]) == (False, None)
    assert re.fullmatch(r"d\.[0-9a-f-]{36}", added.json["token"])
    assert (await admin("GET", f"{app}/drains/{added.json['id']}")).json == added.json
    assert (await admin("GET", f"{app}/drains")).json["results"] == [added.json]


async def test_drains_are_listed_oldest_first_and_go_one_by_one(admin: Client, app: str) -> None:
    there = [(await admin("POST", f"{app}/drains", syslog_at(port))).json["id"] for port in (1, 2, 3)]
    assert await ids(admin, f"{app}/drains") == there
    assert await ids(admin, f"{app}/drains?page_size=2&page=2") == there[2:]
    assert (await admin("DELETE", f"{app}/drains/{there[1]}")).line == "204 NO CONTENT"
    assert await ids(admin, f"{app}/drains") == [there[0], there[2]]
    for method in ("GET", "DELETE"):
        answer = await admin(method, f"{app}/drains/{there[1]}")
        assert (answer.line, answer.json) == ("404 NOT FOUND", {"detail": "Not found"})


async def test_a_password_and_a_key_are_sealed_for_their_drain_and_never_told(
    api: Api, admin: Client, app: str
) -> None:
    with capture_logs() as logged:
        added = await admin("POST", f"{app}/drains", SECRETIVE)
    assert added.status == 201, added
    assert added.json["url"] == "https://logs.example.org:8443/in?key=t0ken"
    assert added.json["client_certificate"] is True
    events = (await admin("GET", f"{app}/events")).text
    shown = added.text + (await admin("GET", f"{app}/drains")).text + events + str(logged)
    key = EXAMPLE.key.splitlines()[1]
    for secret in ("s3cr3t", "ann", key):
        assert secret not in shown
        assert all(secret.encode() not in entry.value for entry in (await api.store.list("/deis/")).entries)
    assert "t0ken" not in events + str(logged)
    (drain,) = await kept(api, uuid_of(api))
    opened = json.loads(api.controller.vault.unseal_text(f"drain:{drain.id}", drain.secret))
    assert opened == {"user_info": "ann:s3cr3t%40x", "client_key": EXAMPLE.key}
    assert (drain.client_certificate, drain.ca) == (EXAMPLE.pem, CA.pem)


async def test_a_drain_without_secrets_has_none_sealed(api: Api, admin: Client, app: str) -> None:
    await admin("POST", f"{app}/drains", SYSLOG)
    assert [drain.secret for drain in await kept(api, uuid_of(api))] == [""]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "url", "This field is required."),
        ({"url": "ftp://a:1"}, "url", "ftp:// is no kind of drain; it must begin with syslog://"),
        ({**SYSLOG, "select": {"since": "10m"}}, "select", "since is no filter of a drain, since a drain takes what"),
        ({**SYSLOG, "select": {"level": "loud"}}, "select", "level is 'loud'; it must be debug, info,"),
        ({**SYSLOG, "ca": CA.pem}, "ca", "syslog:// has no TLS, which it is for; use syslog+tls:// or https://."),
        ({**SECRETIVE, "client_key": CA.key}, "client_key", "The key does not belong to the certificate"),
    ],
)
async def test_a_bad_drain_is_refused_by_field(
    api: Api, admin: Client, app: str, *, body: dict[str, Any], field: str, said: str
) -> None:
    for path in (f"{app}/drains", OF_PLATFORM):
        answer = await admin("POST", path, body)
        assert answer.line == "400 BAD REQUEST"
        assert list(answer.json) == [field]
        assert answer.json[field][0].startswith(said)
    assert (await api.store.list(api.controller.keyspace.drains.under())).entries == ()


async def test_a_form_may_bring_a_drain(admin: Client, app: str) -> None:
    body = {**SYSLOG, "select": '{"grep": "timeout"}'}
    added = await admin("POST", f"{app}/drains", data=body)
    assert (added.status, added.json["select"]) == (201, {"grep": "timeout"})


async def test_an_app_has_so_many_drains_and_no_more(admin: Client, app: str) -> None:
    for port in range(1, MOST + 1):
        assert (await admin("POST", f"{app}/drains", syslog_at(port))).status == 201
    answer = await admin("POST", f"{app}/drains", SYSLOG)
    assert answer.line == "400 BAD REQUEST"
    assert answer.json["detail"].startswith("hello has 10 log drains already, which is the most; remove one")
    assert (await admin("POST", OF_PLATFORM, SYSLOG)).status == 201
    assert (await admin("POST", "/v1/apps", {"id": "other"})).status == 201
    assert (await admin("POST", "/v1/apps/other/drains", SYSLOG)).status == 201


async def test_a_drain_that_is_there_already_is_not_added_twice(admin: Client, app: str) -> None:
    web = {**SYSLOG, "select": {"process": "web"}}
    for body in (SYSLOG, web):
        there = (await admin("POST", f"{app}/drains", body)).json["id"]
        answer = await admin("POST", f"{app}/drains", body)
        assert answer.line == "400 BAD REQUEST"
        assert answer.json["detail"].startswith(f"hello has this log drain already: {there}, with the same URL and")
    assert (await admin("POST", OF_PLATFORM, SYSLOG)).status == 201
    again = await admin("POST", OF_PLATFORM, SYSLOG)
    assert again.json["detail"].startswith("The platform has this log drain already: ")
    assert len(await ids(admin, f"{app}/drains")) == 2
    for _ in range(2):  # as who exchanges a certificate does, before the old one is removed
        assert (await admin("POST", f"{app}/drains", SECRETIVE)).status == 201


async def test_of_many_that_come_at_once_no_more_than_so_many_stay(api: Api, admin: Client, app: str) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(admin("POST", f"{app}/drains", syslog_at(port))) for port in range(1, MOST + 6)]
    there = {task.result().json["id"] for task in tasks if task.result().status == 201}
    assert len(there) == MOST
    assert {drain.id for drain in await kept(api, uuid_of(api))} == there


async def test_who_may_use_an_app_adds_drains_and_its_owner_removes_them(admin: Client) -> None:
    owner, friend, stranger = [await admin.joined(name) for name in ("owner", "friend", "stranger")]
    await owner("POST", "/v1/apps", {"id": "hello"})
    await owner("POST", "/v1/apps/hello/perms", {"username": "friend"})
    path = "/v1/apps/hello/drains"
    added = await friend("POST", path, SYSLOG)
    assert (added.status, added.json["owner"]) == (201, "friend")
    assert (await friend("DELETE", f"{path}/{added.json['id']}")).status == 403
    assert (await stranger("GET", path)).status == 403
    assert (await owner("DELETE", f"{path}/{added.json['id']}")).status == 204


async def test_the_platforms_drains_are_superusers_and_nobodys_else(api: Api, admin: Client, app: str) -> None:
    added = await admin("POST", OF_PLATFORM, SYSLOG)
    assert (added.status, list(added.json), added.json["app"]) == (201, SHOWN, "")
    assert [drain.id for drain in await kept(api, PLATFORM)] == [added.json["id"]]
    assert await ids(admin, OF_PLATFORM) == [added.json["id"]]
    assert await ids(admin, f"{app}/drains") == []
    other = await admin.joined("other")
    for method, path in (("GET", OF_PLATFORM), ("POST", OF_PLATFORM), ("DELETE", f"{OF_PLATFORM}/x")):
        assert (await other(method, path, SYSLOG)).line == "403 FORBIDDEN"
    assert (await admin("GET", f"{app}/drains/{added.json['id']}")).line == "404 NOT FOUND"
    assert (await admin("DELETE", f"{OF_PLATFORM}/{added.json['id']}")).line == "204 NO CONTENT"
    assert await kept(api, PLATFORM) == []


async def test_adding_and_removing_is_told_in_events_and_audit_without_path_and_query(admin: Client, app: str) -> None:
    with capture_logs() as logged:
        id_ = (await admin("POST", f"{app}/drains", SECRETIVE)).json["id"]
        await admin("DELETE", f"{app}/drains/{id_}")
        platforms = (await admin("POST", OF_PLATFORM, SYSLOG)).json["id"]
    lines = [line for line in logged if line.get("audit")]
    to = "https://logs.example.org:8443"
    assert [(one["event"], one["by"], one["drain"], one["to"], one.get("app")) for one in lines] == [
        ("log drain added", "admin", id_, to, "hello"),
        ("log drain removed", "admin", id_, to, "hello"),
        ("log drain added", "admin", platforms, SYSLOG["url"], None),
    ]
    events = (await admin("GET", f"{app}/events")).json["results"]
    assert [(event["kind"], event["by"], event["message"]) for event in events[:2]] == [
        ("drain removed", "admin", f"admin removed the log drain {id_} to {to}"),
        ("drain added", "admin", f"admin added the log drain {id_} to {to}"),
    ]


async def test_a_transferred_app_keeps_its_drains(admin: Client, app: str) -> None:
    heir = await admin.joined("heir")
    added = (await admin("POST", f"{app}/drains", SYSLOG)).json
    assert (await admin("POST", app, {"owner": "heir"})).status == 200
    assert (await heir("GET", f"{app}/drains")).json["results"] == [added]


async def test_a_state_is_the_sum_of_what_the_loggers_say(api: Api, admin: Client, app: str) -> None:
    id_ = (await admin("POST", f"{app}/drains", SYSLOG)).json["id"]
    at = now()
    await announce(api, "one", "http://127.0.0.1:1")
    await say(api, id_, "one", sent=5, dropped=1, waiting=2, until=1_000_000_000, error="refused", failing=at)
    await say(api, id_, "gone", sent=10, waiting=7, until=2_000_000_000, error="away", failing=at - timedelta(days=1))
    for path in (f"{app}/drains", f"{app}/drains/{id_}"):
        answer = (await admin("GET", path)).json
        (shown,) = answer.get("results", [answer])
        assert shown["state"] == {
            "sent": 15,
            "dropped": 1,
            "waiting": 2,
            "until": "1970-01-01T00:00:01UTC",
            "error": "refused",
            "failing": date(at),
        }


async def test_what_is_told_of_a_drain_goes_with_it(api: Api, admin: Client, app: str) -> None:
    one, other = [(await admin("POST", f"{app}/drains", syslog_at(port))).json["id"] for port in (1, 2)]
    for id_ in (one, other):
        await say(api, id_, "a")
        await say(api, id_, "b")
    await admin("DELETE", f"{app}/drains/{one}")
    left = await Shelf(api.store, api.controller.keyspace.drain_states).list()
    assert {stored.parts for stored in left} == {(other, "a"), (other, "b")}


async def test_a_last_word_on_a_drain_that_is_gone_is_dropped(api: Api, admin: Client, app: str) -> None:
    c = api.controller
    drains = Drains(c.store, c.keyspace, c.picture, c.vault)
    there = (await admin("POST", f"{app}/drains", SYSLOG)).json["id"]
    gone = (await admin("POST", OF_PLATFORM, SYSLOG)).json["id"]
    await admin("DELETE", f"{OF_PLATFORM}/{gone}")
    for id_ in (there, gone):
        await say(api, id_, "one")
    await drains.drop_orphaned_states()
    assert {stored.parts[0] for stored in await Shelf(c.store, c.keyspace.drain_states).list()} == {there}


async def test_a_drain_that_the_mirror_has_not_yet_keeps_its_states(api: Api, app: str) -> None:
    """The mirrors stand at revisions of their own: the store has the last word."""
    assert app
    c = api.controller
    drain = Drain(id="new", owner="admin", url=SYSLOG["url"], token="d.1", created=now())
    await Shelf(c.store, c.keyspace.drains).create(drain, PLATFORM, "new")
    await say(api, "new", "one")
    c.picture.drains.mirror._take_away(c.keyspace.drains.key(PLATFORM, "new"))
    await Drains(c.store, c.keyspace, c.picture, c.vault).drop_orphaned_states()
    assert len(await Shelf(c.store, c.keyspace.drain_states).list("new")) == 1


async def test_an_app_that_is_destroyed_meanwhile_gets_no_drain(
    api: Api, admin: Client, app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who destroys it looks for drains after its state is written; who adds one looks at the state after its write."""
    store, uuid = api.store, uuid_of(api)
    written = store.put

    async def destroyed_first(key: str, *rest: Any, **more: Any) -> int:
        revision = await written(key, *rest, **more)
        if key.startswith(api.controller.keyspace.drains.under(uuid)):
            monkeypatch.undo()
            api.deployer.holding = True
            shelf = Shelf(store, api.controller.keyspace.apps)
            await shelf.update(lambda present: present.changed(state="destroying"), "hello")
        return revision

    monkeypatch.setattr(store, "put", destroyed_first)
    answer: Answer = await admin("POST", f"{app}/drains", SYSLOG)
    assert answer.line == "404 NOT FOUND"
    assert await kept(api, uuid) == []
    api.deployer.holding = False
