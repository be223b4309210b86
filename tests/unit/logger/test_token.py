"""The internal token: made once by whoever comes first, readable by its owner alone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from libs.loglines.token import header, internal_token, shows


def test_whoever_comes_first_makes_the_token_and_all_have_the_same(tmp_path: Path) -> None:
    start, found = threading.Barrier(8), set[str]()

    def come() -> None:
        start.wait()
        found.add(internal_token("", tmp_path))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    [path] = (tmp_path / "secrets").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_configured_token_needs_no_file(tmp_path: Path) -> None:
    assert internal_token("given", tmp_path) == "given"
    assert not list(tmp_path.iterdir())


def test_an_empty_file_is_refused_and_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "internal.token").touch()
    with pytest.raises(ValueError, match=r"internal\.token is empty"):
        internal_token("", tmp_path)


def test_only_the_token_itself_shows_it() -> None:
    assert shows(header("abc"), "abc")
    for headers in ({}, header("abcd"), {"Authorization": "abc"}, {"Authorization": "Bearer ü"}):
        assert not shows(headers, "abc")
