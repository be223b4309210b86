from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Router, Service
from libs.store.errors import StoreUnavailable
from libs.store.opening import open_store
from libs.store.shelf import Shelf
from libs.store.store import Store
from services.router.serve import route
from services.router.settings import RouterSettings
from tests.integration.router.backends import Backend, backends
from tests.integration.router.clients import fetch, load
from tests.support.etcd import EtcdServer
from tests.support.haproxy import HAProxyServer
from tests.support.waiting import eventually

HOST = "shop.example.test"
KEYS = Keyspace()


async def publish(store: Store, instance: str, backend: Backend) -> None:
    record = Service(
        app="shop",
        instance=instance,
        node="node-1",
        type="web",
        number=1,
        release=1,
        address="127.0.0.1",
        port=backend.port,
        ready=True,
        published=now(),
    )
    await Shelf(store, KEYS.services).put(record, "shop", instance)


async def answered_by(port: int, name: str) -> None:
    async def answered() -> bool:
        return (await fetch(port, HOST)).body == name

    await eventually(answered, what=f"answered by {name}")


async def test_traffic_flows_while_etcd_is_killed_and_changes_go_on_after_it(
    own_etcd: EtcdServer, haproxy: HAProxyServer, router_settings: RouterSettings, tmp_path: Path
) -> None:
    settings = router_settings.model_copy(update={"store": "etcd3", "store_endpoints": own_etcd.endpoint})
    writer_settings = settings.model_copy(update={"home": tmp_path})
    app = App(id="shop", uuid="u", owner="ann", formation={"web": 1}, created=now(), updated=now())
    daemon = Daemon("router", CollectorRegistry())
    async with (
        backends("one", "two") as (one, two),
        open_store(writer_settings, name="writer") as writer,
        open_store(settings, name="router") as store,
        supervise(router=route(daemon, settings, store)),
    ):
        await Shelf(writer, KEYS.apps).put(app, "shop")
        await publish(writer, "one", one)
        await answered_by(haproxy.port, "one")
        async with load(haproxy.port, HOST) as seen:
            own_etcd.kill9()
            await seen.more(1000)
            own_etcd.start()
            await seen.more(1000)
        assert seen.failures == []

        async def written() -> bool:
            try:
                await publish(writer, "two", two)
                await Shelf(writer, KEYS.services).delete("shop", "one")
            except StoreUnavailable:  # it is only just started again
                return False
            return True

        await eventually(written)
        await answered_by(haproxy.port, "two")

        async def present() -> Router | None:
            stored = await Shelf(writer, KEYS.routers).get("node-1")
            return stored.document if stored else None

        assert (await eventually(present)).node == "node-1"
