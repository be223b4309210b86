"""What `/metrics` tells of the router."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.router.haproxy import HAProxy
from services.router.holding import Holding
from services.router.slots import Slots
from services.router.suspicions import Suspicions
from services.router.wanted import Wanted

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)


class Meters:
    """What is counted as it happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = Counter("deis_router_commands", "Commands sent to HAProxy", registry=registry)
        self.unplaced = Gauge(
            "deis_router_apps_without_backend", "Apps that run and got no back end: the pool is full", registry=registry
        )
        self.seconds = Histogram(
            "deis_router_apply_seconds",
            "From looking at the records to HAProxy's yes",
            buckets=_FAST,
            registry=registry,
        )


def watch(  # noqa: PLR0913 - the parts that are read
    registry: CollectorRegistry,
    haproxy: HAProxy,
    wanted: Wanted,
    *,
    holding: Holding,
    suspicions: Suspicions,
    slots: Slots,
) -> None:
    """Register what is read off the parts when somebody asks."""

    def gauge(name: str, about: str) -> Gauge:
        return Gauge(f"deis_router_{name}", about, registry=registry)

    def servers(state: str) -> int:
        return sum(server.state == state for _, _, server in haproxy.actual.all_servers())

    by_state = Gauge("deis_router_servers", "Servers that HAProxy has", ["state"], registry=registry)
    by_state.labels("ready").set_function(lambda: servers("ready"))
    by_state.labels("drain").set_function(lambda: servers("drain"))
    by_state.labels("maint").set_function(lambda: servers("maint"))
    gauge("haproxy_up", "Whether HAProxy answers on its runtime socket").set_function(lambda: haproxy.connected)
    gauge("commands_refused", "Commands that HAProxy refused").set_function(lambda: haproxy.refused)
    gauge("apps", "Apps with a back end").set_function(lambda: len(haproxy.actual.slots))
    gauge("backends_free", "Back ends without an app").set_function(lambda: len(slots.free(haproxy.actual)))
    gauge("suspects", "Instances that failed users' requests and are not trusted").set_function(
        lambda: len(suspicions.found)
    )
    gauge("bad_records", "Records that cannot be used").set_function(wanted.bad)
    gauge("hosts_held", "Whether the map of hosts is held").set_function(lambda: holding.hosts)
    gauge("servers_held", "Servers kept although their records vanished all at once").set_function(
        lambda: sum(map(len, holding.servers.values()))
    )
