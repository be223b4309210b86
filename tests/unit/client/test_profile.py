from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from libs.client.errors import BadProfile, NotLoggedIn
from libs.client.profile import Profile, Profiles, parse_profile, profile_path

V1 = '{"username":"ada","ssl_verify":false,"controller":"http://deis.example.com","token":"abc","response_limit":50}'


def test_a_login_made_by_version_1_keeps_working(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    path.write_text(V1)
    assert Profiles(path).load() == Profile("ada", "http://deis.example.com", "abc", ssl_verify=False, limit=50)


def test_what_is_written_has_the_fields_of_version_1_in_their_order(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / ".deis" / "client.json")
    profiles.save(Profile("ada", "http://deis.example.com", "abc", ssl_verify=False, limit=50))
    assert profiles.path.read_text().replace(" ", "") == V1


def test_the_profile_is_its_owners_alone(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / ".deis" / "client.json")
    profiles.save(Profile("ada", "http://deis.example.com", "abc"))
    assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(profiles.path.parent.stat().st_mode) == 0o700
    assert list(profiles.path.parent.iterdir()) == [profiles.path]


def test_a_profile_that_others_could_read_is_private_once_written(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    path.write_text(V1)
    path.chmod(0o644)
    Profiles(path).save(Profiles(path).load())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_fields_of_others_survive(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    path.write_text(json.dumps({**json.loads(V1), "colour": "blue"}))
    Profiles(path).save(Profiles(path).load())
    assert json.loads(path.read_text())["colour"] == "blue"


def test_the_environment_names_the_profile() -> None:
    assert profile_path({"HOME": "/home/ada"}) == Path("/home/ada/.deis/client.json")
    assert profile_path({"HOME": "/home/ada", "DEIS_PROFILE": "work"}) == Path("/home/ada/.deis/work.json")
    assert profile_path({"HOME": "/home/ada", "DEIS_PROFILE": ""}) == Path("/home/ada/.deis/client.json")


def test_without_a_profile_one_is_not_logged_in(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path / "client.json")
    assert profiles.find() is None
    with pytest.raises(NotLoggedIn, match="deis login"):
        profiles.load()
    profiles.forget()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"username": "ada"}', V1.replace('"abc"', "null")])
def test_a_broken_profile_is_named_with_what_is_wrong(text: str) -> None:
    with pytest.raises(BadProfile, match=r"/x/client\.json cannot be used"):
        parse_profile(text, Path("/x/client.json"))


@pytest.mark.parametrize("limit", ["0", "-3", '"many"', "null"])
def test_a_limit_that_is_none_is_the_default(limit: str) -> None:
    assert parse_profile(V1.replace("50", limit), Path("x")).limit == 100
