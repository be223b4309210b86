"""What a controller of 1,000 apps mirrors: the records of a platform that has been in use for a while."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from sys import intern

from libs.engine import Identity
from libs.engine import Instance as Container
from libs.keyspace import Keyspace
from libs.keyspace.document import Document
from libs.keyspace.records import (
    App,
    Build,
    Check,
    Checks,
    Config,
    Domain,
    Evidence,
    Health,
    HttpAction,
    Instance,
    InstanceEvidence,
    Planned,
    PlatformSetting,
    Release,
    Rollout,
    RouterEvidence,
    Token,
    User,
)
from libs.store import Store
from libs.vault.designation import SEALS

APPS = 1_000
RELEASES = 5  # of each app
INSTANCES = 3  # of each app
DOMAINS = 3  # of each app
SEALED = 1024  # bytes of sealed config in each release
KEY_ID = "k1"  # of the vault's key
OWNER = "bench"
NODE = "bench"
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
IMAGE = "sha256:" + 64 * "a"
CHECKS = Checks(readiness=Check(http=HttpAction(path="/healthz")))
AT_ONCE = 64  # writes under way

Record = tuple[str, Document]


def name_of(number: int) -> str:
    """The name of an app."""
    return f"app-{number:04}"


def uuid_of(app: str) -> str:
    """The uuid of the app of that name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, app))


def ids_of(app: str, release: int) -> list[str]:
    """The ids of a release's instances."""
    return [uuid.uuid5(uuid.NAMESPACE_DNS, f"{app}/{release}/{number}").hex[:10] for number in range(1, INSTANCES + 1)]


def platform(keys: Keyspace, sha256: str) -> Iterator[Record]:
    """The key that seals, whose the apps are, and the token of this hash."""
    yield keys.platform.key(SEALS), PlatformSetting(value=KEY_ID)
    yield keys.users.key(OWNER), User(username=OWNER, password="none", date_joined=BEGIN)
    yield keys.tokens.key(sha256), Token(username=OWNER, id="t1", created=BEGIN)


async def write_app(store: Store, keys: Keyspace, app: str, *, releases: int = RELEASES) -> None:
    """Put an app that runs its last release on `INSTANCES` instances, and all that its deployer made of it."""
    record = App(
        id=app,
        uuid=uuid_of(app),
        owner=OWNER,
        formation={"web": INSTANCES},
        release=releases,
        latest=releases,
        created=BEGIN,
        updated=BEGIN + timedelta(hours=releases),
    )
    revision = await store.put(keys.apps.key(app), record.encode())
    await write(store, _an_app(keys, app, releases, revision))


def _an_app(keys: Keyspace, app: str, releases: int, revision: int) -> Iterator[Record]:
    """What belongs to it; each of its releases has its rollout, the last one's of the app's record as it stands."""
    id_, latest = uuid_of(app), releases
    for number in range(1, DOMAINS + 1):
        fqdn = f"www{number}.{app}.example.com"
        yield keys.domains.key(fqdn), Domain(app=app, domain=fqdn, owner=OWNER, created=BEGIN)
    for number in range(1, releases + 1):
        made = _build(app, number)
        yield keys.builds.key(id_, made.uuid), made
        yield keys.releases.key(id_, number), _release(app, number, made)
        yield keys.rollouts.key(id_, number), _rollout(app, number, revision)
    for number, one in enumerate(ids_of(app, latest), 1):
        yield keys.instances.key(NODE, app, one), _instance(app, latest, number, one)
        started = BEGIN + timedelta(hours=latest)
        verdict = Health(started=True, ready=True, live=True, since=started, run=started, probes=3)
        yield keys.health.key(NODE, app, one), verdict


def containers(app: str, release: int) -> Iterator[Container]:
    """The same instances as the engine has them."""
    for number, one in enumerate(ids_of(app, release), 1):
        record = _instance(app, release, number, one)
        identity = Identity(one, app, intern(uuid_of(app)), "web", number, release)  # held once each, as labels are
        checks = intern(CHECKS.model_dump_json(exclude_none=True))
        yield Container(
            identity, record.name, "running", record.address, 5000, checks, image=IMAGE, started=record.started
        )


async def write(store: Store, records: Iterator[Record]) -> None:
    """Put them all, many at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def put(key: str, document: Document) -> None:
        try:
            await store.put(key, document.encode())
        finally:
            places.release()

    async with asyncio.TaskGroup() as group:
        for key, document in records:
            await places.acquire()
            group.create_task(put(key, document))


def _build(app: str, number: int) -> Build:
    id_ = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{app}/{number}"))
    at = BEGIN + timedelta(hours=number)
    return Build(uuid=id_, app=app, owner=OWNER, image=f"registry.example.com/{app}:v{number}", created=at)


def _release(app: str, number: int, build: Build) -> Release:
    at = BEGIN + timedelta(hours=number)
    sealed = f"{KEY_ID}:{secrets.token_urlsafe(SEALED * 3 // 4)}"
    config = Config(uuid=str(uuid.uuid4()), owner=OWNER, values=sealed, memory={"web": "256M"}, created=at)
    return Release(
        uuid=str(uuid.uuid4()),
        app=app,
        owner=OWNER,
        number=number,
        summary=f"{OWNER} deployed {build.image}",
        build=build.uuid,
        config=config,
        created=at,
    )


def _rollout(app: str, number: int, intent: int) -> Rollout:
    at = BEGIN + timedelta(hours=number)
    times = [at + timedelta(seconds=second) for second in range(8)]
    planned = [
        Planned(
            id=one,
            name=f"{app}_v{number}.web.{place}-{one}",
            type="web",
            number=place,
            planned=at,
            deadline=times[5],
            established=True,
        )
        for place, one in enumerate(ids_of(app, number), 1)
    ]
    course = {
        one.id: InstanceEvidence(
            title=f"web.{one.number}",
            release=number,
            node=NODE,
            planned=times[0],
            started=times[1],
            ready=times[2],
            routed=times[3],
            probes=3,
            took_seconds=0.004,
            routers={NODE: RouterEvidence(routed=times[3])},
        )
        for one in planned
    }
    for place, one in enumerate(ids_of(app, number - 1), 1):
        course[one] = InstanceEvidence(
            title=f"web.{place}",
            release=number - 1,
            node=NODE,
            reason=f"v{number} is wanted now",
            retired=times[4],
            drained=times[5],
            in_flight=0,
            websockets=0,
            routers={NODE: RouterEvidence(withdrawn=times[4], gone=times[5])},
            stopped=times[6],
        )
    phases = ("preparing", "starting", "routing", "retiring")
    return Rollout(
        app=app,
        app_uuid=uuid_of(app),
        release=number,
        intent=intent,
        epoch=1,
        phase="done",
        since=times[7],
        image=IMAGE,
        port=5000,
        planned=tuple(planned),
        routers={NODE: NODE},
        asked=at,
        evidence=tuple(
            Evidence(phase=phase, began=times[2 * place], ended=times[2 * place + 1])
            for place, phase in enumerate(phases)
        ),
        instances=course,
        succeeded=times[7],
    )


def _instance(app: str, release: int, number: int, id_: str) -> Instance:
    place = int(app.partition("-")[2]) * INSTANCES + number if app.startswith("app-") else number
    return Instance(
        id=id_,
        name=f"{app}_v{release}.web.{number}-{id_}",
        node=NODE,
        app=app,
        app_uuid=uuid_of(app),
        type="web",
        number=number,
        release=release,
        state="running",
        address=f"10.80.{place // 250}.{place % 250 + 1}",
        port=5000,
        checks=CHECKS,
        memory=256 * 1024 * 1024,
        started=BEGIN + timedelta(hours=release),
    )
