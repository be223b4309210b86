"""Output that nobody should print, from a real Docker Engine: each byte is kept or told missing; others are served."""

from __future__ import annotations

import base64
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from libs.engine.drivers.docker import container
from libs.loglines import LINE_CAP
from services.log_agent.joiner import EXACT
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.log_plant import LogPlant, a_log_plant, peak
from tests.support.waiting import eventually

MIB = 1 << 20
NOISE = random.Random(20261123).randbytes(20 * MIB)
PIECE = 16 * 1024  # bytes: where the engine cuts a line
LENGTHS = (PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, LINE_CAP - 1, LINE_CAP, LINE_CAP + 1)
LONG = 100_000_000  # bytes of the one line
CUT = re.compile(r" \[deis: about (\d+) bytes cut\]$")
GAP = re.compile(r"lines may be missing: .* between (\S+) and (\S+) ")
AGENT_BOUND, LOGGER_BOUND = 160 * MIB, 320 * MIB  # about 80 MiB of each are Python and its libraries
pytestmark = pytest.mark.timeout(300)  # on a busy machine
ROOM = {"logger_lines": "1000000", "logger_bytes": str(64 * MIB), "logger_memory": str(96 * MIB)}
GOOD = "n=0; while :; do echo line $((n+=1)); usleep 10000; done"


def script(text: str, end: str = "echo done; exec sleep 1000") -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"{text}; {end}")


def of(length: int) -> str:
    return f"head -c {length} /dev/zero | tr '\\0' x; echo"


async def counted(plant: LogPlant, least: int) -> bool:
    """Whether the well-behaved app has so many lines; none of them is missing, double or out of its order."""
    lines = await plant.lines("good")
    assert lines == [f"line {n}" for n in range(1, len(lines) + 1)]
    return len(lines) >= least


async def test_every_byte_of_a_hostile_output_is_kept_or_told_cut_or_missing(
    docker_engine: Dockerd, etcd: EtcdServer, tmp_path: Path
) -> None:
    docker_engine.import_image("noise", noise=base64.b64encode(NOISE).decode())
    odd = [
        b"a\0b",
        b"\0\0\0",
        b"",
        b"",
        b"\xff\xfe caf\xe9",
        b"\xc3",
        b"\r",
        b"\x1b[2J\x07",
        b"\xed\xa0\x80 \xf4\x90\x80\x80",
    ]
    printed = "".join(f"\\{byte:03o}" for byte in b"\n".join(odd))
    async with a_log_plant(tmp_path, docker_engine, etcd, **ROOM) as plant:
        await plant.run("good", script(GOOD))
        await plant.run("odd", script(f"printf '{printed}\\n'"))
        await plant.run("edges", script("; ".join(of(length) for length in LENGTHS)))
        await plant.run("noise", script("base64 -d /noise; echo"), image="noise")
        await plant.run("long", script(f"head -c {LONG} /dev/zero; echo"))

        assert (await plant.ended("odd"))[:-1] == [text.decode("utf-8", "replace") for text in odd]

        edges = (await plant.ended("edges"))[:-1]
        assert [len(line) for line in edges[:-1]] == list(LENGTHS[:-1])
        assert edges[-1] == "x" * LINE_CAP + " [deis: 1 bytes cut]"

        noise = (await plant.ended("noise"))[:-1]
        assert noise == [text.decode("utf-8", "replace") for text in NOISE.split(b"\n")]

        first, *more = (await plant.ended("long"))[:-1]
        told = CUT.search(first)
        assert told is not None
        assert first[: told.start()] == "\0" * LINE_CAP
        assert int(told[1]) > EXACT
        assert all(GAP.match(line) for line in more)

        await eventually(lambda: counted(plant, 300), within=60, what="the other app's lines")
        assert peak(plant.agent.pid) < AGENT_BOUND
        assert peak(plant.logger.pid) < LOGGER_BOUND


async def test_a_flood_holds_up_nobody_and_each_of_its_holes_is_told(
    docker_engine: Dockerd, etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = "x=$(head -c 400 /dev/zero | tr '\\0' x); exec seq -s \" $x\n\" 1 100000000"
    async with a_log_plant(tmp_path, docker_engine, etcd, **ROOM) as plant:
        with monkeypatch.context() as patch:
            patch.setattr(container, "LOG_CONFIG", {"Type": "local", "Config": {"max-size": "2m", "max-file": "3"}})
            name = await plant.run("flood", ("/bin/sh", "-c", flood))

        async def lost_some() -> bool:
            return await plant.figure("log_agent", "deis_log_agent_gaps_total") > 3

        await eventually(lost_some, within=60, what="holes in the flood's files")
        await plant.run("good", script(GOOD))
        await eventually(lambda: counted(plant, 300), within=60, what="the other app's lines, while the flood goes on")
        await plant.engine.stop(name, grace=0)
        await plant.publish(name)
        await eventually(lambda: plant.read_to_its_end("flood"), within=120, what="the end of the flood")
        assert peak(plant.agent.pid) < AGENT_BOUND
        assert peak(plant.logger.pid) < LOGGER_BOUND
        _assert_told(await plant.shown("flood"))


def _assert_told(shown: list[str]) -> None:
    """Numbered lines rise, and where some are missing a gap is told between times that hold the hole's."""
    gaps = [(found[1], found[2]) for line in shown if (found := GAP.search(line))]
    numbered = [(line.partition("UTC ")[0], line.partition(": ")[2].partition(" ")[0]) for line in shown]
    lines = [(int(number), f"{at}UTC") for at, number in numbered if number.isdigit()]
    holes = 0
    for (last, before), (number, after) in pairwise(lines):
        assert number > last, f"{number} comes after {last}"
        if number > last + 1:
            holes += 1
            held = any(since <= before and until >= after for since, until in gaps)
            assert held, (
                f"{last + 1} to {number - 1} are missing between {before} and {after}, and nobody said so: {gaps}"
            )
    assert holes


async def test_an_app_prints_on_while_the_logger_is_dead(
    docker_engine: Dockerd, etcd: EtcdServer, tmp_path: Path
) -> None:
    async with a_log_plant(tmp_path, docker_engine, etcd, **ROOM) as plant:
        await plant.run("good", script("echo line 1"))
        await plant.ended("good")
        plant.logger.kill9()
        name = await plant.run("loud", script("seq 1 200000", end="echo done"), once=True)

        async def exited() -> bool:
            seen = (await plant.engine.instances()).instances
            return any(one.name == name and one.state == "exited" for one in seen)

        await eventually(exited, within=120, what="the app is through, though nobody takes its lines")
        plant.logger.start()
        lines = await plant.ended("loud")
        assert lines[:-1] == [str(n) for n in range(1, 200_001)]
