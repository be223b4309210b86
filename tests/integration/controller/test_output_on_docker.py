"""What a new instance writes on a real engine, as its follower hears it."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.docker import DockerSettings, open_driver
from libs.keyspace.document import now
from libs.keyspace.records import Planned
from services.controller.output import CUT, LONGEST, hear_output
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.waiting import eventually

BOOTS = "echo booting; echo oh no >&2; head -c 40000 /dev/zero | tr '\\0' y; echo; sleep 0.2; exit 3"


async def test_an_instance_is_heard_from_its_start_and_over_its_restarts_until_it_stops(
    docker_engine: Dockerd, tmp_path: Path
) -> None:
    given = {"home": tmp_path, "docker_host": docker_engine.host, "subnet": free_subnet()}
    settings = DockerSettings.model_validate({**given, "platform": f"t{uuid.uuid4().hex[:8]}"})
    heard: list[dict[str, Any]] = []
    async with open_driver(settings) as engine:
        identity = Identity(uuid.uuid4().hex[:8], "shop", "3f1c", "web", 1, 2)
        await engine.start(InstanceSpec(identity, "busybox:latest", command=("sh", "-c", BOOTS)))
        planned = Planned(id=identity.id, name=identity.name, type="web", number=1, planned=now())
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            hearing = group.create_task(hear_output(engine, planned, heard.append))
            await eventually(lambda: sum(one["line"] == "booting" for one in heard) >= 2, within=60)
            await engine.stop(identity.name, grace=0)
            await hearing
        await engine.remove(identity.name)
    assert {one["instance"] for one in heard} == {"web.1"}
    said = [(one["stream"], one["line"]) for one in heard]
    assert {("stdout", "booting"), ("stderr", "oh no"), ("stdout", "y" * LONGEST + CUT)} <= {*said}
