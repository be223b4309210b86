"""The words of `deis-daemon vault`."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.daemon import command as daemons
from libs.vault.commands import command
from libs.vault.commands.command import parser
from libs.vault.keyfile import KeyFile, new_key

COMMANDS = ("status", "rotate", "backup", "restore", "retire", "write-off")


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


def test_the_hosts_settings_are_taken_and_the_environment_goes_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    KeyFile(tmp_path / "secrets" / "config.key").change(lambda _: new_key())
    host = tmp_path / "deis.env"
    host.write_text(f"# a host's\nDEIS_HOME={tmp_path}\nDEIS_STORE=etcd3\nDEIS_STORE_PREFIX=wrong\n")
    monkeypatch.setattr(command, "HOST_ENVIRONMENT", host)
    monkeypatch.setattr("libs.daemon.logs.configure", lambda *_: None)  # it is a whole process's
    monkeypatch.setenv("DEIS_STORE", "memory")
    monkeypatch.setenv("DEIS_STORE_PREFIX", "/right")
    with pytest.raises(SystemExit) as ended:
        daemons.main(["vault", "backup", "-"])
    assert ended.value.code == 0
    assert next(iter(KeyFile(tmp_path / "secrets" / "config.key").read())) in capsys.readouterr().out


def test_a_wrong_setting_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DEIS_ADMIN_PORT", "eighty")
    with pytest.raises(SystemExit) as ended:
        daemons.main(["vault", "status"])
    assert ended.value.code == 1
    assert "admin_port" in capsys.readouterr().err
