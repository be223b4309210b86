from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.errors import BadArgument
from libs.client.pairs import parse_buildpack, parse_config, parse_formation, parse_process, parse_version

HERE = Path("/nowhere")
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda key: key != "SSH_KEY")
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"


@given(st.dictionaries(KEYS, st.text()))
def test_any_value_is_taken_as_it_is(values: dict[str, str]) -> None:
    assert parse_config([f"{key}={value}" for key, value in values.items()], HERE) == values


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [("A=b=c", "A", "b=c"), ("A=", "A", ""), ("A=x\ny", "A", "x\ny"), ("_a1==", "_a1", "="), ("A= b ", "A", " b ")],
)
def test_a_pair_is_split_at_its_first_equals_sign(text: str, key: str, value: str) -> None:
    assert parse_config([text], HERE) == {key: value}


@pytest.mark.parametrize("text", ["A", "=b", "1A=b", "A B=c", "A-B=c", "A\n=b", "", "Ä=b"])
def test_what_is_no_pair_is_named(text: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_config(["GOOD=1", text], HERE)
    assert text.partition("=")[0] in str(caught.value)


def test_an_ssh_key_is_sent_in_base64_from_its_file_or_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    path.write_text(PRIVATE_KEY)
    wanted = base64.b64encode(PRIVATE_KEY.encode()).decode()
    assert parse_config([f"SSH_KEY={path}"], HERE) == {"SSH_KEY": wanted}
    assert parse_config([f"SSH_KEY={PRIVATE_KEY}"], HERE) == {"SSH_KEY": wanted}
    assert parse_config([f"SSH_KEY={wanted}"], HERE) == {"SSH_KEY": wanted}
    assert parse_config(["SSH_KEY=id_ed25519"], tmp_path) == {"SSH_KEY": wanted}


def test_a_file_that_is_no_private_key_is_refused_as_one(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519.pub"
    path.write_text("ssh-ed25519 AAAA")
    with pytest.raises(BadArgument, match="no private key"):
        parse_config([f"SSH_KEY={path}"], HERE)


def test_a_formation_counts_types_by_name() -> None:
    assert parse_formation(["web=3", "worker-2=0", "my_type=1"]) == {"web": 3, "worker-2": 0, "my_type": 1}


@pytest.mark.parametrize(
    "text", ["web", "web=", "web=-1", "web=two", "web=1.5", "=1", "we b=1", "web=٣", "web=" + "9" * 10]
)
def test_what_is_no_scale_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(BadArgument):
        parse_formation(["web=1", text])


def test_a_type_that_is_counted_twice_is_refused_unless_both_agree() -> None:
    with pytest.raises(BadArgument, match='"web" is given two values'):
        parse_formation(["web=2", "worker=1", "web=3"])
    assert parse_formation(["web=2", "web=2"]) == {"web": 2}


@pytest.mark.parametrize(
    "url",
    ["https://example.com/buildpack.git#v1", "git://host/x", "ssh://git@host:22/x.git", "git@example.com:ada/pack.git"],
)
def test_a_buildpack_is_a_url(url: str) -> None:
    assert parse_buildpack(url) == url


@pytest.mark.parametrize("text", ["", "ad", "app", "://x", "https://", "https://a b", "example.com/x", "a@b"])
def test_what_is_no_url_is_no_buildpack(text: str) -> None:
    with pytest.raises(BadArgument, match="no URL of a buildpack"):
        parse_buildpack(text)


@pytest.mark.parametrize(
    ("text", "process"),
    [("web", ("web", None)), ("web.1", ("web", 1)), ("a-b.20", ("a-b", 20)), ("v1_x", ("v1_x", None))],
)
def test_a_process_is_a_type_and_perhaps_a_number(text: str, process: tuple[str, int | None]) -> None:
    assert parse_process(text) == process


@pytest.mark.parametrize("text", ["", ".", "web.", ".1", "web.one", "web.1.2", "web/1"])
def test_what_is_no_process_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        parse_process(text)


@pytest.mark.parametrize(("text", "number"), [("v3", 3), ("3", 3), ("v0", 0)])
def test_a_release_is_named_with_or_without_its_v(text: str, number: int) -> None:
    assert parse_version(text) == number


@pytest.mark.parametrize("text", ["", "v", "-1", "v-1", "latest", "vv1"])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(BadArgument):
        parse_version(text)
