from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from libs.daemon import command
from libs.daemon.supervision import leaves


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.parse(["routr"])
    told = capsys.readouterr().err
    assert "routr" in told
    assert "router" in told


def test_a_daemon_named_twice_runs_once() -> None:
    assert command.parse(["router", "publisher", "router"]) == ["router", "publisher"]


def test_the_leaves_of_a_nested_group_are_its_single_errors() -> None:
    first, second = ValueError("a"), KeyError("b")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [first]), second])
    assert leaves(group) == [first, second]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEIS_ADMIN_PORT", "eighty")
    with pytest.raises(SystemExit, match="admin_port"):
        command.main(["router"])


async def test_a_daemon_ends_cleanly_when_asked_to(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "DEIS_HOME": str(tmp_path),
        "DEIS_STORE": "memory",
        "DEIS_ENGINE": "memory",
        "DEIS_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "libs.daemon", "publisher", env=env, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while b'"ready"' not in (line := await process.stderr.readline()):
                assert line, "the daemon ended before it was ready"
            process.send_signal(signal.SIGTERM)
            rest = await process.stderr.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert b"stopping" in rest
    assert b"Traceback" not in rest


async def test_a_daemon_does_not_carry_what_only_the_command_needs() -> None:
    """The daemon's own modules, imported as `deis-daemon` imports them."""
    program = (
        "import sys; from libs.deis_daemon import do_without_rich; do_without_rich(); import libs.daemon.command;"
        "print([name for name in sys.modules if name.startswith(('pygments', 'rich.', 'typer'))])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        told, _ = await process.communicate()
    assert (told, process.returncode) == (b"[]\n", 0)
