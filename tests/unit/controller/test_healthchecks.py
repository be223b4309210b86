"""Probes in the user's words: what is taken, what is refused and how, and how changes merge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace import records as r
from services.controller.healthchecks import (
    LARGEST,
    NAMES,
    flat,
    in_words,
    merged,
    probes_of,
    read_healthcheck,
    refuse_too_large,
)
from services.controller.probe import ACTIONS, BadProbe, check_of, read_probe, words_of

SECONDS = "it must be a number of seconds greater than 0 and at most 3600"
COUNT = "it must be a whole number from 1 to 1000"
PORT = "it must be a number from 1 to 65535"
STATUS = 'it must be a status such as 204, or a range such as "200-399"'
HEADER = "it must be the name of an HTTP header that is not of the connection itself"
VALUE = "it must be printable ASCII text of at most 4096 characters, without line breaks"
PATH = "it must be a path that begins with / and has no spaces"
COMMAND = "it must be a list of 1 to 64 words, none of them empty or with a null character"
ONE_OF = "it must have exactly one of httpGet, tcpSocket, exec, staysUp"


def refused(healthcheck: Any) -> list[str]:
    with pytest.raises(BadProbe) as bad:
        read_healthcheck(healthcheck)
    return bad.value.reasons


@pytest.mark.parametrize(
    ("words", "check"),
    [
        ({"tcpSocket": {}}, r.Check(tcp=r.TcpAction())),
        ({"tcpSocket": {"port": 5432}}, r.Check(tcp=r.TcpAction(port=5432))),
        ({"httpGet": {}}, r.Check(http=r.HttpAction())),
        ({"httpGet": {"scheme": "HTTP", "expectedStatus": 204}}, r.Check(http=r.HttpAction(expected=(204, 204)))),
        ({"httpGet": {"expectedStatus": "200-299"}}, r.Check(http=r.HttpAction(expected=(200, 299)))),
        (
            {"httpGet": {"path": "/z?a=1", "port": 81, "httpHeaders": [{"name": "Host", "value": "a b"}]}},
            r.Check(http=r.HttpAction(path="/z?a=1", port=81, headers=(r.HttpHeader(name="Host", value="a b"),))),
        ),
        ({"exec": {"command": ["test", "-f", "/ok"]}}, r.Check(exec=r.ExecAction(command=("test", "-f", "/ok")))),
        ({"staysUp": {}}, r.Check(stays_up=r.StaysUp())),
        ({"staysUp": {"seconds": 0.5}}, r.Check(stays_up=r.StaysUp(seconds=0.5))),
        (
            {
                "tcpSocket": {},
                "initialDelaySeconds": 3,
                "periodSeconds": 0.5,
                "timeoutSeconds": 2,
                "successThreshold": 2,
                "failureThreshold": 30,
            },
            r.Check(
                tcp=r.TcpAction(),
                initial_delay_seconds=3,
                period_seconds=0.5,
                timeout_seconds=2,
                success_threshold=2,
                failure_threshold=30,
            ),
        ),
        ({"tcpSocket": {"port": None}, "httpGet": None, "periodSeconds": None}, r.Check(tcp=r.TcpAction())),
    ],
)
def test_a_probe_is_put_into_the_platforms_words(words: dict[str, Any], check: r.Check) -> None:
    assert check_of(words) == check


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"periodSeconds": 0}, f"periodSeconds: 0; {SECONDS}"),
        ({"periodSeconds": -1}, f"periodSeconds: -1; {SECONDS}"),
        ({"periodSeconds": 3601}, f"periodSeconds: 3601; {SECONDS}"),
        ({"periodSeconds": True}, f"periodSeconds: true; {SECONDS}"),
        ({"timeoutSeconds": "1"}, f'timeoutSeconds: "1"; {SECONDS}'),
        ({"timeoutSeconds": 10**400}, f"timeoutSeconds: 1{'0' * 62}…; {SECONDS}"),
        ({"initialDelaySeconds": -1}, "initialDelaySeconds: -1; it must be a number of seconds from 0 to 3600"),
        ({"failureThreshold": 0}, f"failureThreshold: 0; {COUNT}"),
        ({"failureThreshold": 1.5}, f"failureThreshold: 1.5; {COUNT}"),
        ({"successThreshold": 1001}, f"successThreshold: 1001; {COUNT}"),
        ({"tcpSocket": {"port": 0}}, f"tcpSocket.port: 0; {PORT}"),
        ({"tcpSocket": {"port": 65536}}, f"tcpSocket.port: 65536; {PORT}"),
        ({"tcpSocket": {"port": "http"}}, f'tcpSocket.port: "http"; {PORT}'),
        ({"tcpSocket": []}, 'tcpSocket: []; it must be an object such as {"port": 5432}'),
        ({"httpGet": {"path": "healthz"}}, f'httpGet.path: "healthz"; {PATH}'),
        ({"httpGet": {"path": "/a b"}}, f'httpGet.path: "/a b"; {PATH}'),
        ({"httpGet": {"path": "/a\r\nX: y"}}, f'httpGet.path: "/a\\r\\nX: y"; {PATH}'),
        ({"httpGet": {"path": "/a\n"}}, f'httpGet.path: "/a\\n"; {PATH}'),
        ({"httpGet": {"scheme": "HTTPS"}}, 'httpGet.scheme: "HTTPS"; it must be "HTTP": instances are spoken to in '),
        ({"httpGet": {"host": "x"}}, 'httpGet.host: "x"; a probe always goes to the instance itself; leave it out'),
        ({"httpGet": {"expectedStatus": 99}}, f"httpGet.expectedStatus: 99; {STATUS}"),
        ({"httpGet": {"expectedStatus": True}}, f"httpGet.expectedStatus: true; {STATUS}"),
        ({"httpGet": {"expectedStatus": "399-200"}}, f'httpGet.expectedStatus: "399-200"; {STATUS}'),
        ({"httpGet": {"expectedStatus": "2xx"}}, f'httpGet.expectedStatus: "2xx"; {STATUS}'),
        ({"httpGet": {"httpHeaders": {}}}, "httpGet.httpHeaders: {}; it must be a list of at most 32 objects such as "),
        *(
            ({"httpGet": {"httpHeaders": [{"name": name, "value": ""}]}}, f"httpGet.httpHeaders[0].name: {shown}; ")
            for name, shown in (("", '""'), ("a b", '"a b"'), ("a:", '"a:"'), ("Content-Length", '"Content-Length"'))
        ),
        (
            {"httpGet": {"httpHeaders": [{"name": "a", "value": "x\r\nY: z"}]}},
            f'httpGet.httpHeaders[0].value: "x\\r\\nY: z"; {VALUE}',
        ),
        ({"httpGet": {"httpHeaders": [{"name": "a"}]}}, f"httpGet.httpHeaders[0].value: missing; {VALUE}"),
        ({"exec": {}}, f"exec.command: missing; {COMMAND}"),
        ({"exec": {"command": []}}, f"exec.command: []; {COMMAND}"),
        ({"exec": {"command": "ls"}}, f'exec.command: "ls"; {COMMAND}'),
        ({"exec": {"command": ["ls", ""]}}, f'exec.command[1]: ""; {COMMAND}'),
        ({"exec": {"command": ["a\0"]}}, f'exec.command[0]: "a\\u0000"; {COMMAND}'),
        ({"exec": {"command": ["x"] * 65}}, "exec.command: ["),
        ({"staysUp": {"seconds": 0}}, f"staysUp.seconds: 0; {SECONDS}"),
        ({"grpc": {"port": 1}}, 'grpc: {"port": 1}; there is no such field; it must be one of httpGet, tcpSocket, '),
        ({"grpc": None}, "grpc: null; there is no such field"),
    ],
)
def test_a_refusal_names_the_field_its_value_and_what_would_be_right(words: dict[str, Any], said: str) -> None:
    full = words if words.keys() & set(ACTIONS) else {**words, "tcpSocket": {}}
    (reason,) = refused({"web": {"readinessProbe": full}})
    assert reason.startswith(f"healthcheck.web.readinessProbe.{said}")


@pytest.mark.parametrize(
    ("healthcheck", "said"),
    [
        ({"web": 5}, "web: 5; it must be an object of startupProbe, readinessProbe, livenessProbe, or null"),
        ({"Web": {}}, "Web: no process type has this name; it must only contain [a-z0-9_-]"),
        (
            {"web": {"probe": None}},
            "web.probe: null; there is no such probe; it must be one of startupProbe, readinessProbe, livenessProbe",
        ),
        (
            {"web": {"livenessProbe": "x"}},
            'web.livenessProbe: "x"; it must be an object with one of httpGet, tcpSocket, exec, staysUp, or null',
        ),
        ({"web": {"livenessProbe": {}}}, f"web.livenessProbe: no action; {ONE_OF}"),
        (
            {"web": {"livenessProbe": {"tcpSocket": {}, "exec": {"command": ["a"]}}}},
            f"web.livenessProbe: tcpSocket and exec; {ONE_OF}",
        ),
        (
            {"web": {"livenessProbe": {"staysUp": {"seconds": 3}}}},
            (
                'web.livenessProbe.staysUp: {"seconds": 3}; it must be httpGet, tcpSocket or exec: '
                "a process that exits is started again without a probe"
            ),
        ),
        (
            {"web": {"startupProbe": {"tcpSocket": {}, "successThreshold": 2}}},
            "web.startupProbe.successThreshold: 2; it must be 1 for a startupProbe",
        ),
        (
            {"worker": {"readinessProbe": {"httpGet": {}}}},
            f"worker.readinessProbe.httpGet.port: missing; {PORT}, as worker has no port of its own",
        ),
    ],
)
def test_a_refusal_of_a_type_or_a_probe_says_why(healthcheck: dict[str, Any], said: str) -> None:
    assert refused(healthcheck) == [f"healthcheck.{said}"]


def test_everything_that_is_wrong_is_said_at_once_up_to_a_bound() -> None:
    assert len(refused({"web": {"readinessProbe": {"periodSeconds": 0, "timeoutSeconds": 0}}, "W": 1})) == 4
    many = refused({f"w{number}": 1 for number in range(500)})
    assert (len(many), many[-1]) == (21, "and 480 more")


def test_a_type_without_a_port_may_name_one() -> None:
    probe: dict[str, Any] = {"tcpSocket": {"port": 9000}}
    assert probes_of({"worker": {"readinessProbe": probe}}, "worker").readiness == check_of(probe)


def test_all_probes_together_have_a_bound() -> None:
    words: dict[str, Any] = {"exec": {"command": ["x" * 30_000]}}
    refuse_too_large({"web": {"readinessProbe": words, "livenessProbe": words}})
    with pytest.raises(BadProbe, match=f"all probes together must be at most {LARGEST}"):
        refuse_too_large({"web": dict.fromkeys(NAMES, words)})


def test_a_stored_healthcheck_that_cannot_be_read_is_no_check() -> None:
    with pytest.raises(BadProbe, match="no such field"):
        probes_of({"web": {"readinessProbe": {"telepathy": {}}}}, "web")


number = st.integers(1, 1000)
seconds = number | st.floats(0.001, 3600)
port = st.integers(1, 65535)
header = st.fixed_dictionaries({"name": st.sampled_from(["Host", "X-Probe"]), "value": st.text("ab ~\t", max_size=9)})
http = st.fixed_dictionaries(
    {"port": port},
    optional={
        "path": st.sampled_from(["/", "/healthz?full=1"]),
        "httpHeaders": st.none() | st.lists(header, max_size=3),
        "expectedStatus": st.none() | st.integers(100, 599) | st.sampled_from(["204", "200-299"]),
    },
)
actions = (
    st.fixed_dictionaries({"httpGet": http})
    | st.fixed_dictionaries({"tcpSocket": st.fixed_dictionaries({"port": port})})
    | st.fixed_dictionaries(
        {"exec": st.fixed_dictionaries({"command": st.lists(st.text("ab é", min_size=1), min_size=1, max_size=4)})}
    )
)
numbers = st.fixed_dictionaries(
    {},
    optional={
        "initialDelaySeconds": st.none() | st.integers(0, 3600),
        "periodSeconds": st.none() | seconds,
        "timeoutSeconds": seconds,
        "failureThreshold": number,
    },
)
probes = st.builds(lambda action, more: {**action, **more}, actions, numbers)
TYPES = st.sampled_from(["web", "worker"])
changes = st.dictionaries(TYPES, st.none() | st.dictionaries(st.sampled_from(list(NAMES)), st.none() | probes))
wholes = st.dictionaries(TYPES, st.dictionaries(st.sampled_from(list(NAMES)), probes))


@given(probes)
def test_reading_is_idempotent_and_keeps_only_what_was_given(words: dict[str, Any]) -> None:
    normal = read_probe(words, "probe")
    assert read_probe(normal, "probe") == normal
    assert "null" not in json.dumps(normal)
    assert normal.keys() == {key for key, value in words.items() if value is not None}
    assert check_of(normal) == check_of(words)


@given(probes)
def test_a_check_in_the_users_words_is_the_same_check(words: dict[str, Any]) -> None:
    check = check_of(words)
    assert check_of(words_of(check)) == check


@given(wholes, changes)
def test_a_change_sets_and_removes_and_leaves_the_rest(before: dict[str, Any], change: dict[str, Any]) -> None:
    normal = merged({}, read_healthcheck(before))
    read = read_healthcheck(change)
    after = merged(normal, read)
    assert merged(after, read) == after
    assert merged({}, read_healthcheck(after)) == after
    assert json.loads(json.dumps(after)) == after
    known = flat(after)
    for type_ in before.keys() | change.keys():
        for name, field in NAMES.items():
            gone = type_ in change and change[type_] is None
            given_here = (change.get(type_) or {}).get(name, ...)
            untouched = given_here is ... and not gone
            wanted = before.get(type_, {}).get(name) if untouched else None if gone else given_here
            held = known.get(f"{type_} {field}")
            assert held == (None if wanted is None else read_probe(wanted, "probe"))


@given(wholes)
def test_what_a_type_has_in_words_are_its_checks(whole: dict[str, Any]) -> None:
    for type_, given_ in whole.items():
        checks = probes_of(whole, type_)
        assert set(in_words(checks)) == given_.keys()
        assert probes_of({type_: in_words(checks)}, type_) == checks


NAMED = st.sampled_from(
    ["web", *NAMES, *ACTIONS, "port", "path", "command", "seconds", "httpHeaders", "name", "value", "periodSeconds"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED | st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMED, JSON))
def test_any_json_is_read_or_refused(given_: dict[str, Any]) -> None:
    try:
        read = read_healthcheck(given_)
    except BadProbe as bad:
        assert bad.reasons  # noqa: PT017 - either outcome is fine
    else:
        assert merged({}, read_healthcheck(merged({}, read))) == merged({}, read)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (lambda more: {"path": "/" + "a" * (2047 + more)}, PATH),
        (lambda more: {"httpHeaders": [{"name": "a" * (256 + more), "value": ""}]}, HEADER),
        (lambda more: {"httpHeaders": [{"name": "a", "value": "a" * (4096 + more)}]}, VALUE),
    ],
)
def test_texts_have_their_lengths_to_the_character(words: Any, wrong: str) -> None:
    read_healthcheck({"web": {"readinessProbe": {"httpGet": words(0)}}})
    (reason,) = refused({"web": {"readinessProbe": {"httpGet": words(1)}}})
    assert wrong in reason
