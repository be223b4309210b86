"""The words of `deis-daemon vault`."""

from __future__ import annotations

import pytest

from libs.daemon import command as daemons
from libs.vault.commands.command import parser

COMMANDS = ("status", "rotate", "backup", "restore", "retire")


def test_the_daemons_command_hands_over_and_its_help_tells_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        daemons.main(["vault", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(command in told for command in COMMANDS)
    with pytest.raises(SystemExit):
        daemons.main(["--help"])
    assert "deis-daemon vault --help" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert f"deis-daemon vault {command}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["rotte"], ["backup"], ["retire"], ["status", "really"]])
def test_what_cannot_be_understood_ends_with_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        daemons.main(["vault", *words])
    assert ended.value.code == 2


def test_a_wrong_setting_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DEIS_ADMIN_PORT", "eighty")
    with pytest.raises(SystemExit) as ended:
        daemons.main(["vault", "status"])
    assert ended.value.code == 1
    assert "admin_port" in capsys.readouterr().err
