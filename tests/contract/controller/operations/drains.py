"""Asks for each operation of log drains."""

from __future__ import annotations

from libs.keyspace.document import now
from libs.keyspace.records import DrainState
from libs.store.shelf import Shelf
from tests.support.api import Api
from tests.support.contract import Checked

APP, ADMIN = "/v1/apps/hello/drains", "/v1/admin/drains"
MORE = {"url": "https://ann:s3cr3t@logs.example.org/in", "select": {"process": "web"}}


async def ask(call: Checked, api: Api) -> None:
    await of(call, api, APP, "/v1/apps/{id}/drains")
    await of(call, api, ADMIN, ADMIN)


async def of(call: Checked, api: Api, path: str, template: str) -> None:
    one = f"{template}/{{drain}}"
    id_ = (await call("POST", path, template, MORE, status=201)).json["id"]
    await call("POST", path, template, {"url": "ftp://logs.example.org"}, status=400)
    state = DrainState(sent=3, until=1, error="away", failing=now(), since=now(), updated=now())
    revision = await Shelf(api.store, api.controller.keyspace.drain_states).put(state, id_, "one")
    await api.controller.picture.drain_states.reach(revision)
    await call("GET", path, template, status=200)
    assert (await call("GET", f"{path}/{id_}", one, status=200)).json["state"]["sent"] == 3
    await call("DELETE", f"{path}/{id_}", one, status=204)
    await call("GET", f"{path}/{id_}", one, status=404)
