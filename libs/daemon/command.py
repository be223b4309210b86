"""`deis-daemon NAME [NAME…]`: one or several daemons in one process; `accept-store`, `vault …`: an operator's."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import pkgutil
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence

import structlog
import uvloop
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from pydantic import ValidationError

from libs.daemon import logs, memory, probes
from libs.daemon.announcement import url_at
from libs.daemon.daemon import Daemon
from libs.daemon.notify import notify, watchdog_seconds
from libs.daemon.settings import Settings
from libs.daemon.supervision import leaves, supervise
from libs.keyspace import Keyspace
from libs.store import StoreUnavailable
from libs.store.acceptance import accept_store
from libs.store.opening import open_driver

ACCEPT_STORE = "accept-store"
VAULT = "vault"

Serve = Callable[[Daemon], Awaitable[None]]

log = structlog.get_logger("deis-daemon")


def available() -> list[str]:
    """The services that this installation carries."""
    package = importlib.import_module("services")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)


def find(name: str) -> Serve:
    """A service's `serve`; a service is imported only when it is asked for."""
    serve: Serve = importlib.import_module(f"services.{name}.serve").serve
    return serve


async def serve_all(names: Sequence[str], settings: Settings) -> None:
    """Run the named daemons until SIGTERM or SIGINT; the first one that fails ends them all."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    stopping = asyncio.Event()
    daemons = [Daemon(name, registry, stopping=stopping) for name in names]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    admin = probes.application(daemons, registry)
    async with probes.listen(admin, settings.admin_host, settings.admin_port) as port:
        for daemon in daemons:
            daemon.admin_url = url_at(settings.admin_host, port, node_address=settings.node_address)
        log.info("starting", daemons=list(names), node=settings.node, admin_port=port)
        company = {
            "keep_systemd_informed": keep_systemd_informed(daemons),
            "give_back_memory": memory.keep_giving_back(),
        }
        async with supervise(**company), asyncio.TaskGroup() as group:
            for daemon in daemons:
                group.create_task(serve_one(daemon), name=daemon.name)
            await stopping.wait()
            notify("STOPPING=1")
            log.info("stopping", daemons=list(names))


async def serve_one(daemon: Daemon) -> None:
    """One daemon, with its name on every line that it logs."""
    structlog.contextvars.bind_contextvars(service=daemon.name)
    daemon.ready["started"] = lambda: daemon.running  # conditions that are named later do not count as held until then
    await find(daemon.name)(daemon)


async def accept(settings: Settings) -> str | None:
    """Accept the store as it is now, for every daemon that holds it at the door; returns what went wrong."""
    driver = open_driver(settings)
    try:
        identity = await accept_store(driver, Keyspace(settings.store_prefix))
    except StoreUnavailable as error:
        return f"deis-daemon: the store at {settings.store_endpoints} cannot be accepted: {error}"
    finally:
        await driver.close()
    log.info("accepted the store", cluster=identity.cluster, revision=identity.revision)
    return None


async def keep_systemd_informed(daemons: Sequence[Daemon]) -> None:
    """READY once, STATUS on a change, and WATCHDOG at half its period for as long as this loop turns."""
    watchdog = watchdog_seconds()
    told_ready, told = False, ""
    while True:
        missing = probes.unready(daemons)
        status = "waiting for " + ", ".join(missing) if missing else "ready"
        if status != told:
            log.info(status, daemons=[daemon.name for daemon in daemons])
            notify(f"STATUS={status}")
            told = status
        if not missing and not told_ready:
            notify("READY=1")
            told_ready = True
        if watchdog:
            notify("WATCHDOG=1")
        await asyncio.sleep(min(1.0, watchdog / 2) if watchdog else 1.0)


def main(argv: Sequence[str] | None = None) -> None:
    """The console script."""
    memory.share_one_arena()
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == [VAULT]:
        sys.exit(importlib.import_module("libs.vault.commands").main(words[1:]))
    names = parse(words)
    try:
        settings = Settings()
        logs.configure(settings.log_level, settings.log_format)
    except (ValidationError, ValueError) as error:
        sys.exit(f"deis-daemon: a setting is wrong: {error}")
    if names == [ACCEPT_STORE]:
        sys.exit(uvloop.run(accept(settings)))
    try:
        uvloop.run(serve_all(names, settings))
    except Exception as failure:  # the process ends with its reasons; the supervisor starts it again
        for leaf in leaves(failure):
            log.exception("ended", daemons=names, error=str(leaf), kind=type(leaf).__name__, exc_info=leaf)
        sys.exit(1)


def parse(argv: Sequence[str] | None) -> list[str]:
    """The daemons asked for, each once; ends the process on a name that there is not."""
    names = ", ".join(available())
    parser = argparse.ArgumentParser(prog="deis-daemon", description="Run daemons of the platform in one process.")
    what = (
        f"one or several of: {names}; or {ACCEPT_STORE}, once a restored or exchanged etcd was found right; "
        f"or {VAULT}, for the keys of the platform's secrets: see `deis-daemon {VAULT} --help`"
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help=what)
    asked: list[str] = list(dict.fromkeys(parser.parse_args(argv).names))
    if asked == [ACCEPT_STORE]:
        return asked
    if unknown := sorted(set(asked) - set(available())):
        parser.error(f"no daemon is named {', '.join(unknown)}; there are: {names}")
    return asked
