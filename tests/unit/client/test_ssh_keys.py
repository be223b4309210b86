from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.errors import BadArgument
from libs.client.sshkeys import read_public_key, shortened

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAA"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"ssh-ed25519 {BLOB} ada@laptop", "ada@laptop"),
        (f"ssh-rsa {BLOB}== ada at home ", "ada at home"),
        (f"ecdsa-sha2-nistp256 {BLOB}= a", "a"),
        (f"sk-ssh-ed25519@openssh.com {BLOB} key", "key"),
        (f"ssh-ed25519 {BLOB}", "id"),
        (f"ssh-ed25519 {BLOB}  ", "id"),
    ],
)
def test_a_key_is_called_by_its_comment_or_its_file(tmp_path: Path, line: str, name: str) -> None:
    path = tmp_path / "id.work.pub"
    path.write_text(f"{line}\r\n")
    key = read_public_key(path)
    assert (key.name, key.public) == (name, line.strip())


def test_a_private_key_is_refused_with_the_public_ones_name(tmp_path: Path) -> None:
    path = tmp_path / "id_rsa"
    path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(BadArgument, match=r"id_rsa\.pub"):
        read_public_key(path)


@given(st.text(max_size=80))
def test_a_key_of_any_length_is_shortened(public: str) -> None:
    told = shortened(public)
    assert len(told) <= max(29, len(public))
    assert told.startswith(public[:16])
    assert told.endswith(public[-10:])
