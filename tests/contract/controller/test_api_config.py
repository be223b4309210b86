"""Config: values, limits and tags; each change is a release."""

from __future__ import annotations

import pytest

from libs.keyspace.records import Node
from libs.store.drivers.memory import MemoryStore
from tests.contract.controller.asking import config, config_is, versions
from tests.support.api import Api, Client
from tests.support.waiting import eventually


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


async def test_a_failed_config_is_not_the_base_of_the_next(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/hello:1"] = "it does not start"
    assert (await config(admin, built, BAD="1")).status == 503
    api.deployer.failing.clear()
    await eventually(lambda: config_is(admin, built, {}))
    assert "BAD" not in (await config(admin, built, GOOD="1")).json["values"]


KEYS = "Config keys must start with a letter or underscore and only contain [A-z0-9_]"
MEMORY = "Limit format: <number><unit>, where unit = B, K, M or G"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("values", {"1A": "x"}, KEYS),
        ("values", {"A B": None}, KEYS),
        ("values", {"A\n": "x"}, KEYS),
        ("values", "{", "Value must be valid JSON."),
        ("values", "[]", 'Expected a dictionary of items but got type "list".'),
        ("memory", {"web": "1T"}, MEMORY),
        ("memory", {"web": "-1G"}, MEMORY),
        ("memory", {"WEB": "1G"}, "Process types can only contain [a-z]"),
        ("cpu", {"web": "x"}, "CPU shares must be an integer"),
        ("cpu", {"web": 1.5}, "CPU shares must be an integer"),
        ("cpu", {"web": 1025}, "CPU shares must be between 0 and 1024"),
        ("cpu", {"web": -1}, "CPU shares must be between 0 and 1024"),
        ("tags", {"r4ck": "a"}, "Tag keys can only contain [a-z]"),
        ("tags", {"rack": "a b"}, "Invalid tag value"),
    ],
)
async def test_a_bad_config_is_refused_in_v1s_words(
    admin: Client, app: str, field: str, value: object, message: str
) -> None:
    answer = await admin("POST", f"{app}/config", {"values": {"GOOD": "1"}, field: value})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {field: [message]})
    assert await versions(admin, app) == [(1, "admin created initial release")]


async def test_what_a_form_brings_is_text_of_json(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/config", data={"values": '{"A": 5}', "memory": '{"web": "64MB"}'})
    assert (answer.status, answer.json["values"], answer.json["memory"]) == (201, {"A": "5"}, {"web": "64MB"})
    assert (await admin("POST", f"{app}/config", data={"values": '{"A": null}'})).json["values"] == {}


async def test_after_a_rollback_the_next_change_starts_from_what_was_gone_back_to(admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    await config(admin, built, A="2")
    assert (await admin("POST", f"{built}/releases/rollback", {"version": 3})).json == {"version": 5}
    await config(admin, built, B="1")
    assert (await admin("GET", f"{built}/config")).json["values"] == {"A": "1", "B": "1"}
