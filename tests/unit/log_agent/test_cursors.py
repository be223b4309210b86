"""The cursors' file: whole or not at all, and of little worth when it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.engine.track import Place
from services.log_agent.cursors import Cursors
from services.log_agent.position import Position

POSITION = Position(1, Place(1, 1, 1), Place())


def test_positions_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "log_agent" / "cursors.json"
    cursors = Cursors(path)
    cursors.set("a", POSITION.encode())
    cursors.set("b", POSITION.encode())
    cursors.save()
    again = Cursors(path)
    assert again.get("a") == POSITION
    assert again.get("c") is None
    again.forget("a")
    again.save()
    assert Cursors(path).get("a") is None
    assert Cursors(path).get("b") == POSITION
    assert [entry.name for entry in path.parent.iterdir()] == ["cursors.json"]


def test_instances_that_went_while_nobody_followed_them_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "cursors.json"
    cursors = Cursors(path)
    for instance in ("a", "b"):
        cursors.set(instance, POSITION.encode())
    cursors.save()
    again = Cursors(path)
    again.forget_others({"b", "c"})
    again.save()
    assert Cursors(path).get("a") is None
    assert Cursors(path).get("b") == POSITION


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "cursors.json"
    cursors = Cursors(path)
    cursors.save()
    assert not path.exists()
    cursors.set("a", POSITION.encode())
    cursors.save()
    path.unlink()
    cursors.set("a", POSITION.encode())
    cursors.save()
    assert not path.exists()


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": 1}', b'{"a": "no position"}', b"null"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "cursors.json"
    path.write_bytes(junk)
    assert Cursors(path).get("a") is None
