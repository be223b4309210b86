"""Which image a build is asked for as."""

from __future__ import annotations

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Build
from services.controller.sources import source_of

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("image", "sha", "source"),
    [
        ("hello", "abc1234", "hello:git-abc1234"),
        ("10.0.0.1:5000/hello", "abc1234", "10.0.0.1:5000/hello:git-abc1234"),
        ("10.0.0.1:5000/hello:v1", "abc1234", "10.0.0.1:5000/hello:v1"),
        (f"acme/hello@{DIGEST}", "abc1234", f"acme/hello@{DIGEST}"),
        (DIGEST, "abc1234", DIGEST),
        ("acme/hello", "", "acme/hello"),
        ("acme/hello:2", "", "acme/hello:2"),
    ],
)
def test_an_image_without_a_tag_is_the_one_of_its_source(image: str, sha: str, source: str) -> None:
    assert source_of(Build(uuid="u", app="hello", owner="ann", image=image, sha=sha, created=now())) == source
