"""Where drains may not go: this host and its links, the platform's own listeners, and what the operator bars."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.logger.drains import guard as guards
from services.logger.drains.addresses import is_own, leads_home, networks_of
from services.logger.drains.guard import Guard, member_listeners, store_listeners
from services.logger.drains.kind import Away, Batch, Target, Terms
from services.logger.drains.kinds import https, syslog
from services.logger.drains.rendering import Layout
from services.logger.drains.way import Forbidden, Only, Way
from tests.support.waiting import eventually

KEYS = Keyspace()
LAYOUT = Layout("d.1", "r", 1)


def own_address() -> str:
    """An address of this host beside its loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
        return str(sock.getsockname()[0])


def member(service: str, url: str, **more: str) -> MeshMember:
    return MeshMember(service=service, id="n1", node="n1", url=url, started=now(), **more)


async def reach(url: str, way: Way) -> None:
    kind = https if url.startswith("http") else syslog
    async with kind.connect(Target(url, "d.1"), LAYOUT, Terms(way), lambda: None) as connection:
        if kind is https:
            await connection.send(Batch("id", ()))


INWARD = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.0.0.7", "169.254.169.254", "224.0.0.1"),
    *("::", "::1", "fe80::1", "fe80::1%lo", "ff02::1"),
]
RESERVED = ["240.0.0.1", "255.255.255.255", "fec0::1", "::ffff:0:127.0.0.1", "::10.0.0.1", "64:ff9b:1::a00:1"]
METADATA = ["100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42"]


@pytest.mark.parametrize("address", [*INWARD, *RESERVED, *METADATA])
def test_addresses_where_no_receiver_can_be_are_refused_unless_drains_may_go_inward(address: str) -> None:
    with pytest.raises(Forbidden, match="where no drain may go"):
        Way().check(address, 514)
    Way(inward=True).check(address, 514)


def forms(address: str) -> list[str]:
    """One of the fourth version as the sixth writes it: mapped, NAT64, 6to4, and a client's behind Teredo."""
    four = IPv4Address(address)
    high, low = divmod(int(four), 1 << 16)
    client = int(four) ^ 0xFFFFFFFF
    return [
        f"::ffff:{address}",
        f"64:ff9b::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:808:808::{client >> 16:x}:{client & 0xFFFF:x}",
    ]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "240.0.0.1", "100.100.100.200"])
def test_an_address_of_the_fourth_version_within_one_of_the_sixth_is_judged_as_well(address: str) -> None:
    for form in forms(address):
        with pytest.raises(Forbidden, match="where no drain may go"):
            Way().check(form, 514)


def test_a_receiver_behind_nat64_is_reached_and_what_is_guarded_or_barred_is_not() -> None:
    way = Way(guard=Only(frozenset({("10.0.0.5", 2379)})), barred=networks_of("10.9.0.0/16,2001:db8::/32"))
    for form in forms("198.51.100.7"):
        way.check(form, 6514)
    for form in forms("10.0.0.5"):
        way.check(form, 6514)
        with pytest.raises(Forbidden, match=r"10\.0\.0\.5.* port 2379 is the platform's own"):
            way.check(form, 2379)
    for form in [*forms("10.9.1.1"), "2001:db8::1"]:
        with pytest.raises(Forbidden, match="DEIS_LOGGER_DRAIN_BARRED"):
            way.check(form, 514)


def test_a_way_that_leads_to_this_host_is_known_and_one_elsewhere_is_not() -> None:
    for form in forms(own_address()):
        with suppress(OSError):  # this host may have no way of the sixth version: then none leads home either
            assert leads_home(form)
    assert not leads_home("192.0.2.1")


@pytest.mark.parametrize("form", ["{}", "[::ffff:{}]"])
@pytest.mark.parametrize("scheme", ["syslog", "http"])
async def test_this_host_is_refused_by_its_own_address_too_whether_or_not_anything_listens(
    scheme: str, form: str
) -> None:
    reached = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.write(b"HTTP/1.1 204 \r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "0.0.0.0", 0)
    with socket.socket() as silent:
        silent.bind(("0.0.0.0", 0))
        for port in (server.sockets[0].getsockname()[1], silent.getsockname()[1]):
            with pytest.raises(Away, match="is an address of this host, where no drain may go"):
                await reach(f"{scheme}://{form.format(own_address())}:{port}", Way())
    assert not reached.is_set()
    await reach(f"{scheme}://{own_address()}:{server.sockets[0].getsockname()[1]}", Way(inward=True))
    await eventually(reached.is_set)
    server.close()


def test_an_address_elsewhere_is_not_this_hosts() -> None:
    assert is_own(ip_address(own_address()))
    assert not is_own(ip_address("192.0.2.1"))


def test_the_platforms_own_are_refused_at_their_ports_alone() -> None:
    way = Way(guard=Only(frozenset({("10.0.0.5", 2379)})))
    with pytest.raises(Forbidden, match="the platform's own"):
        way.check("::ffff:10.0.0.5", 2379)
    way.check("10.0.0.5", 6514)


def test_networks_that_the_operator_bars_are_refused() -> None:
    way = Way(barred=networks_of("10.0.0.0/8, fd00::/8"))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::7"):
        with pytest.raises(Forbidden, match="DEIS_LOGGER_DRAIN_BARRED"):
            way.check(address, 514)
    way.check("11.1.2.3", 514)
    with pytest.raises(ValueError, match="DEIS_LOGGER_DRAIN_BARRED has what is no network: "):
        networks_of("10.0.0.0/99")


def test_all_that_a_member_listens_on_is_guarded_but_what_a_router_serves_to_everybody() -> None:
    assert set(store_listeners("http://10.0.0.1:2379,[fd00::1]:2379, etcd:2379")) == {
        ("10.0.0.1", 2379),
        ("fd00::1", 2379),
        ("etcd", 2379),
    }
    logger = member("logger", "http://10.0.0.2:8088", sockets_url="ws://10.0.0.2:8089", admin_url="http://[fd00::2]:9")
    assert set(member_listeners(logger)) == {("10.0.0.2", 8088), ("10.0.0.2", 8089), ("fd00::2", 9)}
    assert set(member_listeners(member("controller", "https://api.example"))) == {("api.example", 443)}
    router = member("router", "http://10.0.0.3:80", admin_url="http://10.0.0.3:9")
    assert set(member_listeners(router)) == {("10.0.0.3", 9)}
    assert set(member_listeners(member("odd", "http://10.0.0.3:70000000"))) == set()


class Directory:
    """A name server: what it says can change."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.says: dict[str, str] = {}
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, *args: Any, **kwargs: Any) -> Any:
        if host.endswith(".test") and not kwargs.get("flags", 0) & socket.AI_NUMERICHOST:
            if host not in self.says:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return [info for one in self.says[host].split() for info in self._real(one, *args, **kwargs)]
        return self._real(host, *args, **kwargs)


@asynccontextmanager
async def guarding(endpoints: str, store: MemoryStore) -> AsyncIterator[Guard]:
    mirror = Mirror(store, KEYS.mesh)
    guard = Guard(endpoints, mirror)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run) for run in (mirror.run(), guard.run())]
        yield guard
        for task in tasks:
            task.cancel()


def refused(guard: Guard, address: str, port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            Way(guard=guard).check(address, port)
        except Forbidden as error:
            return "is the platform's own" in str(error)
        return False

    return ask


async def test_a_member_is_guarded_from_its_announcement_on_and_beyond_its_end() -> None:
    store = MemoryStore()
    shelf = Shelf(store, KEYS.mesh)
    async with guarding("10.0.0.1:2379", store) as guard:
        await eventually(refused(guard, "10.0.0.1", 2379))
        await eventually(lambda: not guard.doubt(8000))
        Way(guard=guard).check("10.0.0.2", 8000)
        await shelf.put(member("controller", "http://10.0.0.2:8000"), "controller", "n1")
        await eventually(refused(guard, "10.0.0.2", 8000))
        await eventually(lambda: ("10.0.0.2", 8000) in guard._seen)
        await shelf.delete("controller", "n1")
        await eventually(lambda: not guard._members.items())
        assert refused(guard, "10.0.0.2", 8000)()
        assert not guard.doubt(8000)


async def test_while_the_mesh_was_never_read_no_drain_goes_anywhere() -> None:
    guard = Guard("10.0.0.1:2379", Mirror(MemoryStore(), KEYS.mesh))
    with pytest.raises(Forbidden, match="has not read yet where the platform's daemons listen"):
        Way(guard=guard).check("198.51.100.7", 514)
    assert guard.fact() == "at all ports: the mesh was not read yet"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Directory:
    """A name server that is asked all the time."""
    monkeypatch.setattr(guards, "DOUBT_SECONDS", 0.01)
    monkeypatch.setattr(guards, "EVERY_SECONDS", 0.01)
    return Directory(monkeypatch)


async def test_a_name_without_an_address_yet_lets_no_drain_go_to_its_port_and_keeps_its_last_one_later(
    names: Directory,
) -> None:
    async with guarding("etcd.test:2379", MemoryStore()) as guard:
        await eventually(lambda: bool(guard._doubts))
        words = r"198.51.100.7 port 2379 may be .* no address for etcd.test \(the store\); make that host resolve"
        with pytest.raises(Away, match=words):
            await reach("syslog://198.51.100.7:2379", Way(guard=guard))
        assert guard.fact() == ["port 2379: no address for etcd.test (the store)"]
        names.says["etcd.test"] = "10.0.0.1"
        await eventually(refused(guard, "10.0.0.1", 2379))
        Way(guard=guard).check("198.51.100.7", 2379)
        assert guard.fact() == "none"
        names.says["etcd.test"] = "10.0.0.9"
        await eventually(refused(guard, "10.0.0.9", 2379))
        names.says.clear()
        for _ in range(3):
            await guard.look()
        assert refused(guard, "10.0.0.9", 2379)()
        assert refused(guard, "10.0.0.1", 2379)()  # who moved may be there still
        assert not guard.doubt(2379)


@pytest.mark.parametrize("scheme", ["syslog", "http"])
async def test_a_name_of_several_addresses_is_told_why_each_way_is_shut(names: Directory, scheme: str) -> None:
    names.says["inner.test"] = "::1 127.0.0.1"
    with pytest.raises(Away, match="is an address of this host or link, where no drain may go"):
        await reach(f"{scheme}://inner.test:514", Way())
    names.says["outer.test"] = "2001:db8::7 198.51.100.7"
    async with guarding("etcd.test:2379", MemoryStore()) as guard:
        await eventually(lambda: bool(guard._doubts))
        with pytest.raises(Away, match=r"no address for etcd.test \(the store\)"):
            await reach(f"{scheme}://outer.test:2379", Way(guard=guard))


async def test_a_member_without_an_address_stops_no_drain_but_those_to_its_own_ports(names: Directory) -> None:
    store = MemoryStore()
    shelf = Shelf(store, KEYS.mesh)
    odd = member("controller", "http://node-17.test:8000", admin_url="http://node-17.test:9000")
    await shelf.put(odd, "controller", "n1")
    await shelf.put(member("logger", "http://10.0.0.2:8088"), "logger", "n2")
    async with guarding("10.0.0.1:2379", store) as guard:
        await eventually(lambda: bool(guard._doubts))
        way = Way(guard=guard)
        for port in (514, 6514, 443, 8088):
            way.check("198.51.100.7", port)
        for port in (8000, 9000):
            with pytest.raises(Forbidden, match=r"no address for node-17.test \(controller n1\)"):
                way.check("198.51.100.7", port)
        assert refused(guard, "10.0.0.2", 8088)()
        await shelf.delete("controller", "n1")
        await eventually(lambda: not guard._members.items("controller"))
        await guard.look()
        assert guard.doubt(8000)  # it may listen there still
        await shelf.put(member("controller", "http://10.0.0.3:8000"), "controller", "n1")
        await eventually(lambda: not guard.doubt(8000) and not guard.doubt(9000))
        assert refused(guard, "10.0.0.3", 8000)()


async def test_a_drain_is_told_of_a_few_members_and_how_many_more_there_are(names: Directory) -> None:
    store = MemoryStore()
    for n in range(5):
        await Shelf(store, KEYS.mesh).put(member("logger", f"http://n{n}.test:8088"), "logger", f"n{n}")
    async with guarding("10.0.0.1:2379", store) as guard:
        await eventually(lambda: len(guard._doubts) == 5)
        assert "n2.test (logger n1) and 2 more; " in guard.doubt(8088)
    assert names.says == {}
