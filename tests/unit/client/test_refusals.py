from __future__ import annotations

import pytest

from libs.client.api.errors import (
    Conflict,
    NotAuthenticated,
    NotFound,
    Refused,
    Taken,
    Unavailable,
    refusal,
)
from libs.client.api.subjects import subject_of


def test_field_errors_are_told_one_a_line_below_the_status() -> None:
    error = refusal(400, "BAD REQUEST", "/v1/apps", {"id": ["This field must be unique.", "Too long."], "x": "No."})
    assert str(error).splitlines() == [
        "the controller refused the request (400 BAD REQUEST)",
        "id: This field must be unique.",
        "id: Too long.",
        "x: No.",
    ]
    assert error.fields["id"] == ("This field must be unique.", "Too long.")


def test_a_message_that_says_where_in_its_field_is_not_given_the_field_again() -> None:
    error = refusal(400, "BAD REQUEST", "/v1/x", {"healthcheck": ["healthcheck.web.readinessProbe: []; it must be"]})
    assert str(error).splitlines()[1:] == ["healthcheck.web.readinessProbe: []; it must be"]


def test_a_detail_comes_first_and_its_further_lines_below() -> None:
    error = refusal(503, "SERVICE UNAVAILABLE", "/v1/apps/a/builds", {"detail": "web.1 exited with 1\nlast words"})
    assert isinstance(error, Unavailable)
    assert str(error) == "web.1 exited with 1 (503 SERVICE UNAVAILABLE)\nits last lines:\nlast words"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, NotAuthenticated), (404, NotFound), (409, Conflict), (418, Refused)]
)
def test_each_status_is_an_error_of_its_own_kind(status: int, kind: type[Refused]) -> None:
    assert type(refusal(status, "X", "/v1/", None)) is kind


@pytest.mark.parametrize(
    ("path", "field", "thing", "remedy"),
    [
        ("/v1/apps", "id", "app", "another name"),
        ("/v1/apps/a/domains", "domain", "domain", "domains:remove"),
        ("/v1/auth/register/", "username", "user", "deis login"),
        ("/v1/keys", "id", "key", "--id NAME"),
        ("/v1/certs", "common_name", "certificate", "certs:remove"),
        ("/v1/auth/tokens/", "name", "token", "tokens:revoke"),
    ],
)
def test_a_name_that_is_taken_is_named_with_the_servers_words_and_a_remedy(
    path: str, field: str, thing: str, remedy: str
) -> None:
    words = "This field must be unique."
    error = refusal(400, "BAD REQUEST", path, {field: [words]}, {field: "hello"})
    first, theirs, last = str(error).splitlines()
    assert isinstance(error, Taken)
    assert first == f"{thing} hello is taken (400 BAD REQUEST)"
    assert theirs == f"{field}: {words}"
    assert remedy in last


def test_a_name_that_is_wrong_is_not_called_taken() -> None:
    error = refusal(400, "BAD REQUEST", "/v1/apps", {"id": ["App IDs can only contain [a-z0-9-]."]}, {"id": "A"})
    assert type(error) is Refused


def test_a_refusal_of_one_line_has_no_heading_of_more() -> None:
    error = refusal(503, "X", "/v1/apps/a/builds", {"detail": "web.1 exited with 1"})
    assert str(error) == "web.1 exited with 1 (503 X)"


def test_a_conflict_says_what_to_do() -> None:
    assert "run the command again" in str(refusal(409, "CONFLICT", "/v1/apps/a/config", {"error": "in progress"}))


def test_what_did_not_get_out_is_not_to_be_run_again_blindly() -> None:
    error = refusal(409, "CONFLICT", "/v1/apps/a/builds", {"detail": "v5 was cancelled by ann; v3 runs"})
    assert type(error) is Conflict
    assert str(error) == "v5 was cancelled by ann; v3 runs (409 CONFLICT)"


def test_text_that_is_no_json_is_told_and_html_is_not() -> None:
    assert "Error accessing logs for a" in str(refusal(500, "X", "/v1/apps/a/logs", "Error accessing logs for a"))
    assert "<h1>" not in str(refusal(500, "X", "/v1/apps/a/logs", "<h1>Server Error</h1>"))


@pytest.mark.parametrize(
    "body", [None, "", [], ["a"], {"a": None}, {"a": {"b": 1}}, {"detail": []}, {"detail": ""}, 3, {"a": [1]}]
)
def test_no_shape_of_body_breaks_the_message(body: object) -> None:
    assert "(400 BAD REQUEST)" in str(refusal(400, "BAD REQUEST", "/v1/apps", body))


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("/v1/apps/foo", "app foo"),
        ("/v1/apps/foo/containers/web/restart", "app foo"),
        ("/v1/apps/foo/domains/www.a.b", "domain www.a.b of app foo"),
        ("/v1/apps/foo/releases/v9", "release v9 of app foo"),
        ("/v1/apps/foo/releases/v9/cancel", "release v9 of app foo"),
        ("/v1/apps/foo/releases/cancel", "app foo"),
        ("/v1/apps/foo/releases/rollback", "the release to go back to, or app foo itself,"),
        ("/v1/apps/a%2Fb", "app a/b"),
        ("/v1/apps/foo/perms", "the user, or app foo itself,"),
        ("/v1/apps/foo/perms/bob", "user bob, or app foo itself,"),
        ("/v1/admin/perms", "the user"),
        ("/v1/admin/perms/bob", "user bob"),
        ("/v1/keys/a%2Fb", "key a/b"),
        ("/v1/certs/www.a.b", "certificate www.a.b"),
        ("/v1/auth/tokens/1f", "token 1f"),
        ("/v1/auth/tokens/", "the user"),
        ("/v1/auth/passwd/", "the user"),
        ("/v1/apps", "apps"),
        ("/v1/", "the call"),
    ],
)
def test_what_was_not_found_is_named(path: str, subject: str) -> None:
    assert subject_of(path) == subject
    told = str(refusal(404, "NOT FOUND", path, {"detail": "Not found"}))
    assert told.partition("\n")[0] == f"{subject} was not found (404 NOT FOUND)"


@pytest.mark.parametrize(
    ("path", "asked", "subject"),
    [
        ("/v1/apps/foo/releases/rollback", {"version": 77}, "release v77, or app foo itself,"),
        ("/v1/apps/foo/perms", {"username": "dd"}, "user dd, or app foo itself,"),
        ("/v1/admin/perms", {"username": "dd"}, "user dd"),
        ("/v1/auth/cancel/", {"username": "dd"}, "user dd"),
        ("/v1/auth/passwd/", {"username": "dd", "new_password": "x"}, "user dd"),
    ],
)
def test_what_was_not_found_is_named_as_it_was_asked_for(path: str, asked: dict[str, object], subject: str) -> None:
    told = str(refusal(404, "NOT FOUND", path, {"detail": "Not found"}, asked))
    assert told.partition("\n")[0] == f"{subject} was not found (404 NOT FOUND)"


def test_a_value_that_is_not_valid_is_told_unless_it_is_a_secret() -> None:
    asked = {"username": "c y!", "password": "p y!"}
    body = {"username": ["Enter a valid username."], "password": ["Enter a valid password."]}
    told = str(refusal(400, "BAD REQUEST", "/v1/auth/register/", body, asked))
    assert told.splitlines()[1:] == [
        'username: Enter a valid username. "c y!" is none.',
        "password: Enter a valid password.",
    ]


@pytest.mark.parametrize(
    ("path", "listing"),
    [
        ("/v1/apps/foo", "deis apps"),
        ("/v1/apps/foo/scale", "deis apps"),
        ("/v1/apps/foo/domains/www.a.b", "deis domains -a foo"),
        ("/v1/apps/foo/releases/v9/cancel", "deis releases -a foo"),
        ("/v1/apps/foo/perms/bob", "deis perms -a foo"),
        ("/v1/keys/a%2Fb", "deis keys"),
        ("/v1/certs/www.a.b", "deis certs"),
        ("/v1/auth/tokens/1f", "deis tokens"),
        ("/v1/admin/perms/bob", "deis users"),
    ],
)
def test_what_was_not_found_is_said_where_to_look_for(path: str, listing: str) -> None:
    told = str(refusal(404, "NOT FOUND", path, {"detail": "Not found"}))
    assert told.splitlines()[1:] == [f"See `{listing}` for what there is."]


def test_a_404_of_nothing_that_is_listed_has_no_remedy() -> None:
    assert str(refusal(404, "NOT FOUND", "/v1/", None)) == "the call was not found (404 NOT FOUND)"


@pytest.mark.parametrize(
    ("detail", "hint"),
    [
        ("No build associated with this release", "Deploy an image first, as with `deis pull example/web:v1 -a foo`."),
        (
            "Container type nope does not exist in application",
            "Its types are those of its build's Procfile, and cmd: see `deis ps -a foo`.",
        ),
    ],
)
def test_what_is_refused_for_what_is_not_there_yet_says_how_to_get_it(detail: str, hint: str) -> None:
    error = refusal(400, "BAD REQUEST", "/v1/apps/foo/scale", {"detail": detail})
    assert str(error) == f"{detail} (400 BAD REQUEST)\n{hint}"
