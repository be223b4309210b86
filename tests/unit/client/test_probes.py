from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.errors import BadArgument
from libs.client.probes import (
    Probe,
    ProbeOptions,
    in_words,
    lines,
    parse_headers,
    parse_probe,
    parse_probe_names,
    routed_type,
)

NONE = ProbeOptions()
READY, ALIVE, STARTED = "readinessProbe", "livenessProbe", "startupProbe"
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=",:"), min_size=1)


@pytest.mark.parametrize(
    ("way", "words", "options", "wanted"),
    [
        ("httpGet", ["8080"], ProbeOptions(path="/ready"), {"httpGet": {"port": 8080, "path": "/ready"}}),
        ("httpGet", [], NONE, {"httpGet": {}}),
        ("http-get", [], ProbeOptions(status="204"), {"httpGet": {"expectedStatus": 204}}),
        ("HTTP", ["1"], ProbeOptions(status="200-299"), {"httpGet": {"port": 1, "expectedStatus": "200-299"}}),
        (
            "httpget",
            [],
            ProbeOptions(headers=("Host: a.b",)),
            {"httpGet": {"httpHeaders": [{"name": "Host", "value": "a.b"}]}},
        ),
        ("tcpSocket", ["65535"], NONE, {"tcpSocket": {"port": 65535}}),
        ("tcp", [], NONE, {"tcpSocket": {}}),
        ("exec", ["cat", "/tmp/alive"], NONE, {"exec": {"command": ["cat", "/tmp/alive"]}}),
        ("exec", ["sh", "-c", "a b"], NONE, {"exec": {"command": ["sh", "-c", "a b"]}}),
        ("staysUp", ["10"], NONE, {"staysUp": {"seconds": 10}}),
        ("staysUp", [], NONE, {"staysUp": {}}),
        ("stays-up", ["1m"], NONE, {"staysUp": {"seconds": 60}}),
        (
            "tcp",
            [],
            ProbeOptions(initial_delay="0", timeout="500ms", period="1m", success=2, failure=30),
            {
                "tcpSocket": {},
                "initialDelaySeconds": 0,
                "timeoutSeconds": 0.5,
                "periodSeconds": 60,
                "successThreshold": 2,
                "failureThreshold": 30,
            },
        ),
    ],
)
def test_a_probe_is_told_in_kubernetes_words(way: str, words: list[str], options: ProbeOptions, wanted: Probe) -> None:
    assert parse_probe(READY, way, words, options) == wanted


@pytest.mark.parametrize(
    ("way", "words", "options", "said"),
    [
        ("grpc", ["1"], NONE, '"grpc" is no way to probe; httpGet, tcpSocket, exec and staysUp are'),
        ("httpGet", ["0"], NONE, '"0" is no port'),
        ("httpGet", ["65536"], NONE, '"65536" is no port'),
        ("tcpSocket", ["web"], NONE, '"web" is no port'),
        ("tcpSocket", ["٣"], NONE, "is no port"),
        ("httpGet", ["80", "/ready"], NONE, '"/ready" is too much'),
        ("httpGet", ["80"], ProbeOptions(path="ready"), '"--path=ready" is no path'),
        ("httpGet", [], ProbeOptions(status="ok"), '"--status=ok" is no status'),
        ("httpGet", [], ProbeOptions(status="600"), '"--status=600" is no status'),
        ("httpGet", [], ProbeOptions(headers=("X-A",)), '"X-A" is no header; write "Name: value"'),
        ("exec", [], NONE, "exec takes the command to run"),
        ("exec", ["x"], ProbeOptions(path="/x"), "--path belongs to httpGet, not to exec"),
        ("tcpSocket", [], ProbeOptions(headers=("A: b",)), "--headers belongs to httpGet, not to tcpSocket"),
        ("staysUp", ["1"], ProbeOptions(status="200"), "--status belongs to httpGet, not to staysUp"),
        ("staysUp", ["soon"], NONE, '"staysUp=soon" is no time'),
        ("tcp", [], ProbeOptions(period="-1"), '"--period=-1" is no time'),
        ("tcp", [], ProbeOptions(timeout=""), '"--timeout=" is no time'),
    ],
)
def test_what_is_no_probe_is_told_word_by_word(way: str, words: list[str], options: ProbeOptions, said: str) -> None:
    with pytest.raises(BadArgument) as caught:
        parse_probe(READY, way, words, options)
    assert said in str(caught.value)


def test_staying_up_says_nothing_of_liveness() -> None:
    with pytest.raises(BadArgument, match="no liveness probe"):
        parse_probe(ALIVE, "staysUp", ["5"], NONE)
    assert parse_probe(STARTED, "staysUp", ["5"], NONE)


def test_probes_are_named_as_users_or_as_kubernetes_names_them() -> None:
    assert parse_probe_names(["readiness", "livenessProbe", "Startup"]) == [READY, ALIVE, STARTED]
    for text in ("", "probe", "ready", "readinessProbeProbe"):
        with pytest.raises(BadArgument, match="is no probe; startup, readiness and liveness are"):
            parse_probe_names(["readiness", text])


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["X-A: 1,X-B: 2"], {"X-A": "1", "X-B": "2"}),
        (["X-A:1", " X-B : 2 "], {"X-A": "1", "X-B": "2"}),
        (["Accept: text/html, application/json, X-B: 2"], {"Accept": "text/html, application/json", "X-B": "2"}),
        (["Referer: a, http://x/y"], {"Referer": "a, http://x/y"}),
        (["Date: Mon, 10:20"], {"Date": "Mon, 10:20"}),
        (["Empty:"], {"Empty": ""}),
        (["Time: 10:20"], {"Time": "10:20"}),
    ],
)
def test_headers_are_split_at_commas_that_a_name_follows(texts: list[str], wanted: dict[str, str]) -> None:
    assert {one["name"]: one["value"] for one in parse_headers(texts)} == wanted


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_headers_mean_the_same_in_one_text_or_several(headers: list[tuple[str, str]]) -> None:
    texts = [f"{name}: {value}" for name, value in headers]
    wanted = [{"name": name, "value": value} for name, value in headers]
    assert parse_headers(texts) == wanted
    assert parse_headers([",".join(texts)] if texts else []) == wanted


@pytest.mark.parametrize(
    ("structure", "type_"), [({"web": 1, "cmd": 1}, "web"), ({"worker": 2, "cmd": 0}, "cmd"), ({"web": 0}, "web")]
)
def test_the_type_that_is_routed_is_the_one_that_is_meant(structure: dict[str, int], type_: str) -> None:
    assert routed_type("paper", structure) == type_


def test_where_nothing_is_routed_the_types_are_named() -> None:
    with pytest.raises(BadArgument, match=r"paper has clock, worker only: say with --type .* --type clock"):
        routed_type("paper", {"worker": 1, "clock": 1})
    with pytest.raises(BadArgument, match="paper has no processes yet: say with --type"):
        routed_type("paper", {})


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        (
            {
                "httpGet": {"path": "/ready", "port": 8080, "httpHeaders": [{"name": "A", "value": "b"}]},
                "periodSeconds": 5,
            },
            "http-get http://:8080/ready headers=[A: b] delay=0s timeout=1s period=5s #success=1 #failure=3",
        ),
        (
            {"httpGet": {"expectedStatus": 204}, "initialDelaySeconds": 2.5},
            "http-get http://:$PORT/ status=204 delay=2.5s timeout=1s period=10s #success=1 #failure=3",
        ),
        ({"httpGet": {"expectedStatus": "200-399"}}, "http-get http://:$PORT/ delay="),
        ({"tcpSocket": {}}, "tcp-socket :$PORT delay=0s"),
        ({"tcpSocket": {"port": 5000}, "failureThreshold": 30}, "tcp-socket :5000 delay=0s timeout=1s period=10s "),
        ({"exec": {"command": ["sh", "-c", "a b"]}}, "exec [sh -c 'a b'] delay=0s"),
        ({"staysUp": {"seconds": 5}}, "stays-up 5s delay=0s"),
        ({"grpc": {"port": 1}, "periodSeconds": 1}, "of another kind: grpc delay=0s"),
    ],
)
def test_a_probe_is_one_line_as_kubectl_would_put_it(probe: dict[str, Any], wanted: str) -> None:
    assert in_words(probe).startswith(wanted)


def test_what_nobody_has_set_says_by_what_it_holds() -> None:
    tcp: Probe = {"tcpSocket": {}}
    http: Probe = {"httpGet": {"path": "/"}}
    told = lines({ALIVE: tcp}, {READY: http, ALIVE: tcp})
    assert told["startup"] == "none"
    assert told["readiness"] == f"{in_words(http)} (HEALTHCHECK_URL)"
    assert told["liveness"] == in_words(tcp)
    assert lines({}, {READY: tcp})["readiness"] == f"{in_words(tcp)} (default)"
