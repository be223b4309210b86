"""One-off runs on a real Docker Engine: what the shell, the engine and the kernel make of them."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.engine import Limits
from libs.engine.drivers.docker import DockerEngine, DockerSettings, open_driver
from libs.keyspace.records import App, Config, Release
from services.controller.errors import BadRequest
from services.controller.one_off import OneOff
from services.controller.run_output import MOST
from services.controller.run_spec import spec_of
from tests.support.dockerd import BUSYBOX, Dockerd, free_subnet
from tests.support.waiting import eventually

AT = datetime(2030, 1, 1, tzinfo=UTC)
APP = App(id="shop", uuid="3f1c", owner="ann", created=AT, updated=AT)
RELEASE = Release(
    uuid="r",
    app="shop",
    owner="ann",
    number=3,
    summary="",
    build="b",
    config=Config(uuid="c", owner="ann", values="", created=AT),
    created=AT,
)


@pytest.fixture
async def docker(docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[DockerEngine]:
    """A driver on the run's engine, with a platform of its own."""
    settings = DockerSettings.model_validate(
        {
            "home": tmp_path,
            "platform": f"t{uuid.uuid4().hex[:8]}",
            "docker_host": docker_engine.host,
            "subnet": free_subnet(),
        }
    )
    async with open_driver(settings) as driver:
        yield driver


def one_off(docker: DockerEngine, command: str, *, image: str = "busybox:latest", **given: Any) -> OneOff:
    """A run of this command that was not started yet."""
    values = {"GREETING": "hi there", **given.pop("values", {})}
    until = datetime.now(UTC) + timedelta(minutes=5)
    spec = spec_of(
        APP, RELEASE, id_=uuid.uuid4().hex[:8], number=2, image=image, command=command, values=values, until=until
    )
    return OneOff(docker, replace(spec, **given))


async def run(docker: DockerEngine, command: str, **given: Any) -> tuple[int | None, str]:
    """How it ended, and what it wrote; nothing of it is left."""
    found = one_off(docker, command, **given)
    await found.start()
    ended = await found.end()
    output = (await found.output()).text()
    await found.put_away()
    assert (await docker.instances()).instances == ()
    return ended.exit_code, output


@pytest.mark.parametrize(
    ("command", "code", "output"),
    [
        ("true", 0, ""),
        ("exit 3", 3, ""),
        ("exit 255", 255, ""),
        ("echo $DEIS_APP $DEIS_RELEASE $DEIS_PROCESS; echo $GREETING", 0, "shop v3 run.2\nhi there\n"),
        ("""printf '%s|' "a  b" 'c"d' $((1+2)) '$HOME' \\;""", 0, 'a  b|c"d|3|$HOME|;|\n'),
        ('echo "it\'s" \'a "b"\'\necho second line', 0, 'it\'s a "b"\nsecond line\n'),
        ("-h; echo after", 0, None),  # no option of the shell's
        ("sh -c 'kill -9 $$'; exit $?", 137, None),
        ("kill -TERM $$; sleep 1; echo alive", 0, "alive\n"),  # the first process of a container is deaf to it
        ("no-such-program", 127, None),
        ("printf 'a\\377b\\303\\274'", 0, "a\N{REPLACEMENT CHARACTER}bü\n"),
    ],
)
async def test_a_command_is_a_line_for_the_shell_and_its_exit_code_its_own(
    docker: DockerEngine, command: str, code: int, output: str | None
) -> None:
    found = await run(docker, command)
    assert found[0] == code
    assert output is None or found[1] == output


async def test_one_that_is_killed_tells_its_signal(docker: DockerEngine, docker_engine: Dockerd) -> None:
    found = one_off(docker, "sleep 1000")
    await found.start()
    docker_engine.kill_process(found.name)
    ended = await found.end()
    assert (ended.exit_code, ended.reason) == (137, "killed by signal 9")
    assert (await found.output()).text() == ""
    await found.put_away()


async def test_both_streams_come_in_the_order_in_which_they_were_written(docker: DockerEngine) -> None:
    _, output = await run(docker, "for i in $(seq 500); do echo out $i; echo err $i >&2; done")
    assert output == "".join(f"out {i}\nerr {i}\n" for i in range(1, 501))


async def test_bash_is_used_where_the_image_has_it(docker: DockerEngine, docker_engine: Dockerd) -> None:
    told: dict[str, Any] = {"bin/bash": '#!/bin/sh\necho "bash $*"\n'}
    docker_engine.import_image("with-bash", **told)
    assert await run(docker, "ls 'a b'", image="with-bash:latest") == (0, "bash -c -- ls 'a b'\n")
    elsewhere: dict[str, Any] = {"opt/bash": '#!/bin/sh\necho "bash $*"\n'}
    docker_engine.import_image("with-bash-elsewhere", **elsewhere)
    where = {"PATH": "/bin:/opt"}
    assert await run(docker, "ls", image="with-bash-elsewhere:latest", values=where) == (0, "bash -c -- ls\n")


async def test_an_images_entry_point_is_not_in_the_way(docker: DockerEngine, docker_engine: Dockerd) -> None:
    docker_engine.import_image("entered", cmd=("sh", "-c", "echo the image's own"))
    assert await run(docker, "echo mine", image="entered:latest") == (0, "mine\n")


async def test_an_image_without_a_shell_is_refused_by_name_and_leaves_nothing(
    docker: DockerEngine, docker_engine: Dockerd
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(BUSYBOX, "serve")
    query = "fromSrc=-&repo=scratch-app&tag=latest&changes=CMD+%5B%22%2Fserve%22%5D"
    docker_engine.ask("POST", f"/images/create?{query}", body=packed.getvalue())
    found = one_off(docker, "ls", image="scratch-app:latest")
    with pytest.raises(BadRequest, match=r"The image has no shell \(/bin/sh\), and a command needs one to be run"):
        await found.start()
    assert (await docker.instances()).instances == ()
    await found.put_away()


async def test_memory_that_was_exceeded_is_told(docker: DockerEngine) -> None:
    found = one_off(docker, "tail -c 200m /dev/zero", limits=Limits(memory=32 << 20))
    await found.start()
    ended = await found.end()
    assert (ended.exit_code, ended.reason) == (137, "out of memory")
    await found.put_away()


async def test_of_a_long_output_the_end_is_told_and_what_is_missing(docker: DockerEngine) -> None:
    _, output = await run(docker, "head -c 12000000 /dev/zero | tr '\\0' x | fold -w 1000; echo; echo the end")
    first, _, rest = output.partition("\n")
    assert first.startswith("[deis: the first ")
    assert first.endswith(" bytes of the output were left out]")
    assert len(rest.encode()) <= MOST
    assert output.endswith("x\nthe end\n")


async def test_many_short_lines_are_told_whole(docker: DockerEngine) -> None:
    _, output = await run(docker, "yes | head -n 60000; seq 20000")
    assert output == "y\n" * 60_000 + "".join(f"{number}\n" for number in range(1, 20_001))


async def test_one_that_is_stopped_ends_and_can_be_put_away(docker: DockerEngine) -> None:
    found = one_off(docker, "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 1 & wait $!; done")
    await found.start()

    async def ready() -> bool:
        async with docker.logs(found.name, follow=False) as pieces:
            return any([b"ready" in piece.data async for piece in pieces])

    await eventually(ready)
    assert await found.stop(10.0)
    assert found.ended is not None
    assert found.ended.exit_code == 9
    assert (await found.output()).text() == "ready\nbye\n"
    await found.put_away()
    assert (await docker.instances()).instances == ()


async def test_one_that_still_runs_is_ended_when_it_is_put_away(docker: DockerEngine) -> None:
    found = one_off(docker, "sleep 1000")
    await found.start()
    await found.put_away()
    await found.put_away()
    assert (await docker.instances()).instances == ()
