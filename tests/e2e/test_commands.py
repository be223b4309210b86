"""Every command of `deis` on a whole platform, as users type them: sessions/ has what each of them prints.

`piped.txt` holds what comes through pipes, `terminal.txt` what stands on a terminal in the end, `json.txt` what is in
the documents of `--json`, `failing.txt` what is said of mistakes. A command that is in none of them fails the tests at
the end; one whose output changes, its session.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from libs.client.catalogue import GROUPS, SHORTCUTS
from tests.support.platform import Platform
from tests.support.stage import Run, Stage, played, stage
from tests.support.terminal import WHEEL
from tests.support.transcript import Step, documents, on_a_terminal, piped, steps_of

pytestmark = pytest.mark.timeout(600)

SESSIONS = Path(__file__).parent / "sessions"
COMMANDS = {name: function for group in GROUPS.values() for name, function in group.commands().items()}
SLOW = {"pull", "scale", "restart"}


def session(name: str) -> list[Step]:
    return list(steps_of((SESSIONS / name).read_text(encoding="utf-8")))


def full_name(step: Step) -> str:
    """`apps:create` of `create`, `ps:list` of `ps`."""
    name = SHORTCUTS.get(step.name, step.name)
    return f"{name}:{GROUPS[name].bare}" if name in GROUPS else name


async def hold(steps: list[Step], run: Run) -> None:
    """Each step prints what is written, to the byte."""

    def heard(step: Step, printed: str) -> None:
        assert printed == step.printed, f"{step.who}$ deis {step.line}\n{printed}"

    await played(steps, run, heard)


async def test_every_command_does_its_work_between_pipes(deis_platform: Platform, tmp_path: Path) -> None:
    async with stage(deis_platform, tmp_path, owner="ann", collaborator="eve", app="paper") as there:

        async def run(step: Step) -> str:
            return piped(await there.between_pipes(step), there.names)

        await hold(session("piped.txt"), run)


async def test_every_command_does_its_work_on_a_terminal(deis_platform: Platform, tmp_path: Path) -> None:
    async with stage(deis_platform, tmp_path, owner="bob", collaborator="fay", app="quill") as there:
        await hold(session("terminal.txt"), lambda step: shown(there, step))


async def shown(there: Stage, step: Step) -> str:
    """What stands there in the end; of slow work a wheel was to be seen, and no secret ever."""
    told = await there.on_a_terminal(step)
    assert step.name not in SLOW or WHEEL & set(told.out), f"nothing showed that {step.line} went on"
    assert not any(answer.typed in told.out for answer in step.answers if "password" in answer.question)
    stands = on_a_terminal(told, there.names)
    assert not WHEEL & set(stands)
    return stands


async def test_every_command_that_has_json_prints_documents_alone(deis_platform: Platform, tmp_path: Path) -> None:
    async with stage(deis_platform, tmp_path, owner="cyd", collaborator="gus", app="inkpot") as there:

        async def run(step: Step) -> str:
            return documents(await there.in_this_process(step), there.names)

        await hold(session("json.txt"), run)


async def test_what_cannot_be_is_refused_with_a_remedy(deis_platform: Platform, tmp_path: Path) -> None:
    async with stage(deis_platform, tmp_path, owner="hal", collaborator="ivy", app="dune") as there:

        async def run(step: Step) -> str:
            return piped(await there.in_this_process(step), there.names)

        await hold(session("failing.txt"), run)


@pytest.mark.parametrize("name", ["piped.txt", "terminal.txt"])
def test_every_command_is_in_the_session(name: str) -> None:
    assert COMMANDS.keys() == {full_name(step) for step in session(name)}


def test_every_short_name_is_typed_on_the_terminal() -> None:
    typed = {step.name for step in session("terminal.txt")}
    bare = {name for name, group in GROUPS.items() if group.bare}
    assert {*SHORTCUTS, *bare} <= typed


def test_every_command_that_has_json_is_in_its_session() -> None:
    with_json = {name for name, function in COMMANDS.items() if "json" in inspect.signature(function).parameters}
    assert with_json == {full_name(step) for step in session("json.txt") if "--json" in step.words}
