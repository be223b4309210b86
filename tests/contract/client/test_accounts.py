"""Accounts, logins, tokens and permissions, beyond what `printed/` has of them."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from libs.client.commands import auth
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import TOKEN, VERSIONS, StandIn, says
from tests.contract.client.test_terminal import start
from tests.support.ports import free_port

ALLOWING = (
    "can allow it, to administrators alone or to all:"
    " `deis platform:set registration=admin_only` or `registration=enabled`."
)
DENIED = {"detail": "You do not have permission to perform this action."}


def asked(stand_in: StandIn) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in stand_in.asked]


async def test_a_logout_ends_the_login_at_the_controller(deis: Deis, stand_in: StandIn) -> None:
    assert (await deis("logout")).out == "Logged out\n"
    assert asked(stand_in) == [("DELETE", "/v1/auth/tokens/current")]
    assert stand_in.tokens == [f"token {TOKEN}"]
    assert not deis.profile.exists()
    assert (await deis("logout")).out == "Logged out\n"
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize("status", [401, 404, 405, 500])
async def test_a_logout_is_one_whatever_the_controller_says(deis: Deis, stand_in: StandIn, status: int) -> None:
    stand_in.answers["DELETE /v1/auth/tokens/current"] = says(status, {"detail": "no"}, headers=VERSIONS)
    told = await deis("logout")
    assert (told.out, told.err) == ("Logged out\n", "")
    assert not deis.profile.exists()


async def test_a_logout_without_a_controller_is_silent_about_it(deis: Deis) -> None:
    for controller in (f"http://127.0.0.1:{free_port()}", "http://deis.example.invalid", "ftp://nowhere"):
        deis.log_in(controller=controller)
        told = await deis("logout")
        assert (told.out, told.err) == ("Logged out\n", "")
        assert not deis.profile.exists()


async def test_a_logout_waits_for_no_controller_that_hangs(
    deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def hanging(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response(status=204)

    stand_in.answers["DELETE /v1/auth/tokens/current"] = hanging
    monkeypatch.setattr(auth, "REVOKING_SECONDS", 0.1)
    told = await deis("logout")
    assert (told.out, told.err) == ("Logged out\n", "")
    over.set()


async def test_a_profile_that_cannot_be_read_is_logged_out_from(deis: Deis) -> None:
    deis.profile.write_text("{")
    assert (await deis("logout")).out == "Logged out\n"
    assert not deis.profile.exists()


async def test_an_account_is_cancelled_when_its_user_logs_in_and_agrees(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("auth:cancel", "--password", "secret", typed="y\n")
    question = f"cancel account ada at {deis.controller}? (y/N): "
    assert told.out == f"Please log in again in order to cancel this account\n{question}Account cancelled\n"
    assert asked(stand_in) == [("POST", "/v1/auth/login/"), ("DELETE", "/v1/auth/cancel/")]
    assert not deis.profile.exists()


@pytest.mark.parametrize("answer", ["n", "", "no", "ye"])
async def test_an_account_stays_unless_its_user_agrees(deis: Deis, stand_in: StandIn, answer: str) -> None:
    told = await deis("auth:cancel", "--password", "secret", typed=f"{answer}\n")
    assert told.err == "Account not changed\n"
    assert stand_in.asked == []
    assert deis.profile.exists()


async def test_where_nobody_answers_no_account_is_cancelled(deis: Deis, stand_in: StandIn) -> None:
    assert "use --yes" in (await deis("auth:cancel", "--password", "secret", status=1)).err
    assert "use --password" in (await deis("auth:cancel", status=1)).err
    assert stand_in.asked == []


async def test_a_wrong_password_cancels_nothing(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("auth:cancel", "--password", "wrong", "--yes", status=1)
    assert told.err.startswith("Error: Account not changed: the controller refused the request (400 BAD REQUEST)\n")
    assert asked(stand_in) == [("POST", "/v1/auth/login/")]
    assert deis.profile.exists()


async def test_an_administrator_cancels_anothers_account_and_stays_logged_in(deis: Deis, stand_in: StandIn) -> None:
    stand_in.accounts.users.append("eve")
    assert (await deis("auth:cancel", "--username", "eve", "--yes")).out == "Account cancelled\n"
    assert stand_in.asked == [("DELETE", "/v1/auth/cancel/", {"username": "eve"})]
    assert deis.profile.exists()
    told = await deis("auth:cancel", "--username", "nobody", "--yes", status=1)
    assert "user nobody was not found (404 NOT FOUND)" in told.err


async def test_an_account_with_apps_says_what_to_do_first(deis: Deis) -> None:
    told = await deis("auth:cancel", "--username", "bob", "--yes", status=1)
    assert "bob still has applications assigned." in told.err
    assert "(409 CONFLICT)" in told.err
    assert "`deis apps:transfer USERNAME -a APP`" in told.err


async def test_the_login_that_was_made_to_cancel_ends_if_that_fails(deis: Deis, stand_in: StandIn) -> None:
    stand_in.answers["DELETE /v1/auth/cancel/"] = says(409, {"detail": "apps"}, reason="CONFLICT", headers=VERSIONS)
    await deis("auth:cancel", "--password", "secret", "--yes", status=1)
    assert asked(stand_in)[-1] == ("DELETE", "/v1/auth/tokens/current")
    assert deis.profile.exists()


async def test_an_own_new_token_is_kept(deis: Deis, stand_in: StandIn) -> None:
    deis.log_in(response_limit=7, later="kept")
    assert (await deis("auth:regenerate")).out == "Token Regenerated\n"
    assert stand_in.asked[-1] == ("POST", "/v1/auth/tokens/", {})
    profile = json.loads(deis.profile.read_text())
    assert profile["token"] == "e" * 40
    assert (profile["response_limit"], profile["later"]) == (7, "kept")
    deis.log_in()
    await deis("auth:regenerate", "-u", "ada")
    assert stand_in.asked[-1] == ("POST", "/v1/auth/tokens/", {})
    assert json.loads(deis.profile.read_text())["token"] == "e" * 40


async def test_others_new_tokens_are_not_ones_own(deis: Deis, stand_in: StandIn) -> None:
    before = deis.profile.read_text()
    assert (await deis("auth:regenerate", "--username", "bob")).out == "Token Regenerated\n"
    assert stand_in.asked[-1][2] == {"username": "bob"}
    told = await deis("auth:regenerate", "--all")
    assert told.out == "Token Regenerated\n"
    assert told.err == f"Your own login has ended too: `deis login {deis.controller}`.\n"
    assert stand_in.asked[-1][2] == {"all": True}
    assert deis.profile.read_text() == before
    await deis("auth:regenerate", "--all", "-u", "bob", status=1)
    assert len(stand_in.asked) == 2


async def test_a_token_is_revoked_by_name_or_id(deis: Deis, stand_in: StandIn) -> None:
    await deis("tokens:create", "ci")
    await deis("tokens:revoke", "ci")
    assert asked(stand_in)[-1] == ("DELETE", "/v1/auth/tokens/2e")
    told = await deis("tokens:revoke", "ci", status=1)
    assert told.err == 'Error: there is no token "ci": see `deis tokens` for their ids and names\n'
    assert deis.profile.exists()


async def test_who_revokes_the_own_token_is_logged_out(deis: Deis) -> None:
    assert (await deis("tokens:revoke", "1f")).out == "Revoking token 1f... done\nLogged out\n"
    assert not deis.profile.exists()


async def test_a_tokens_name_that_is_taken_says_so(deis: Deis, stand_in: StandIn) -> None:
    body = {"name": ["This field must be unique."]}
    stand_in.answers["POST /v1/auth/tokens/"] = says(400, body, reason="BAD REQUEST", headers=VERSIONS)
    told = await deis("tokens:create", "ci", status=1)
    assert told.err.startswith("Error: token ci is taken (400 BAD REQUEST)\n")
    assert told.out == "Creating token ci... failed\n"


async def test_an_administrators_listing_names_whose_tokens_they_are(deis: Deis, stand_in: StandIn) -> None:
    assert (await deis("tokens", "-u", "bob")).out.startswith("=== bob Tokens\n")
    assert asked(stand_in)[-1] == ("GET", "/v1/auth/tokens?page_size=100&username=bob")


async def test_permissions_are_of_an_app_or_of_the_platform(deis: Deis, stand_in: StandIn) -> None:
    for command in (("perms",), ("perms:create", "bob"), ("sharing:remove", "bob")):
        told = await deis(*command, "-a", "paper", "--admin", status=1)
        assert told.err == "Error: give --app or --admin, not both\n"
    assert stand_in.asked == []
    assert (await deis("sharing:add", "bob", "-a", "paper")).out == "Adding bob to paper collaborators... done\n"
    assert (await deis("sharing", "-a", "paper")).out == "=== paper's Users\nbob\n"
    assert (await deis("sharing:list", "-a", "paper", "--json")).out == '[\n  {\n    "username": "bob"\n  }\n]\n'
    assert (await deis("perms", "--admin", "-l", "1")).out == "=== Administrators\nada\n"


async def test_a_user_who_is_not_there_is_named(deis: Deis) -> None:
    told = await deis("perms:create", "nobody", "-a", "paper", status=1)
    assert told.out == "Adding nobody to paper collaborators... failed\n"
    assert told.err.startswith("Error: user nobody, or app paper itself, was not found (404 NOT FOUND)")


async def test_who_may_not_do_it_is_told_who_may(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    denied = says(403, DENIED, reason="FORBIDDEN", headers=VERSIONS)
    stand_in.answers["DELETE /v1/apps/paper"] = denied
    stand_in.answers["GET /v1/apps/paper"] = says(200, {"id": "paper", "owner": "bob"}, headers=VERSIONS)
    stand_in.answers["GET /v1/users"] = denied
    told = await deis("destroy", "-a", "paper", "--confirm=paper", status=1)
    assert told.err.splitlines() == [
        "Error: You do not have permission to perform this action. (403 FORBIDDEN)",
        "The app paper is bob's: only bob or an administrator may do this.",
    ]
    stand_in.answers["GET /v1/apps/paper"] = denied
    told = await deis("info", "-a", "paper", status=1)
    assert told.err.splitlines()[1] == (
        "The app paper is another's. Its owner can share it with you: `deis perms:create ada -a paper`."
    )
    told = await deis("users", status=1)
    assert told.err.splitlines()[1] == "Only an administrator may do this."


async def test_what_is_refused_for_another_reason_names_no_owner(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    body = {"detail": "Repository name deis/controller is not allowed"}
    stand_in.answers["POST /v1/apps/paper/builds"] = says(403, body, reason="FORBIDDEN", headers=VERSIONS)
    told = await deis("pull", "deis/controller", "-a", "paper", status=1)
    assert told.err == "Error: Repository name deis/controller is not allowed (403 FORBIDDEN)\n"


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "Registration is disabled",
            ALLOWING,
        ),
        (DENIED["detail"], "can register you, while logged in there."),
    ],
)
async def test_a_closed_registration_says_who_opens_it(
    anonymous: Deis, stand_in: StandIn, words: str, remedy: str
) -> None:
    body = {"detail": words}
    stand_in.answers["POST /v1/auth/register/"] = says(403, body, reason="FORBIDDEN", headers=VERSIONS)
    account = ("--username", "bob", "--password", "secret", "--email", "")
    told = await anonymous("register", anonymous.controller, *account, status=1)
    lines = told.err.splitlines()
    assert lines[0] == f"Error: Registration failed: {words} (403 FORBIDDEN)"
    assert lines[-1] == f"An administrator of {anonymous.controller} {remedy}"


@pytest.mark.parametrize(
    ("headers", "remedy"),
    [
        ({"Retry-After": "1"}, "Run the command again in 1 second."),
        ({"Retry-After": "45"}, "Run the command again in 45 seconds."),
        ({"Retry-After": "301"}, "Run the command again in 6 minutes."),
        ({}, "Wait a little, then run the command again."),
    ],
)
async def test_too_many_logins_say_when_to_try_again(
    anonymous: Deis, stand_in: StandIn, headers: dict[str, str], remedy: str
) -> None:
    body = {"detail": "Request was throttled."}
    headers = {**VERSIONS, **headers}
    stand_in.answers["POST /v1/auth/login/"] = says(429, body, reason="TOO MANY REQUESTS", headers=headers)
    account = ("--username", "ada", "--password", "secret")
    told = await anonymous("login", anonymous.controller, *account, status=1)
    assert told.err.splitlines() == ["Error: Request was throttled. (429 TOO MANY REQUESTS)", remedy]


async def test_a_controller_of_another_api_is_warned_of(deis: Deis, stand_in: StandIn) -> None:
    page = {"count": 0, "results": []}
    stand_in.answers["GET /v1/apps"] = says(200, page, headers={"DEIS_API_VERSION": "1.9"})
    told = await deis("apps")
    assert told.out == "=== Apps\n"
    assert told.err.splitlines() == [
        " !    WARNING: Client and server API versions do not match. Please consider upgrading.",
        " !    Client version: 1.7",
        " !    Server version: 1.9",
    ]


async def test_the_password_to_cancel_with_is_asked_for_without_echo(deis: Deis, stand_in: StandIn) -> None:
    terminal = await start(deis, "auth:cancel")
    await terminal.asked("password: ", secret=True)
    terminal.type("secret\n")
    await terminal.asked("(y/N): ")
    terminal.type("y\n")
    assert await terminal.end() == 0
    assert terminal.shown.endswith("Account cancelled\r\n")
    assert "secret" not in terminal.shown


async def test_a_token_logs_in_once_the_controller_has_said_whose_it_is(anonymous: Deis) -> None:
    told = await anonymous("login", anonymous.controller, "--token", "-", typed=f"{TOKEN}\n")
    assert (told.out, told.err) == ("Logged in as ada\n", "")
    kept = json.loads(anonymous.profile.read_text())
    assert (kept["username"], kept["token"], kept["controller"]) == ("ada", TOKEN, anonymous.controller)


@pytest.mark.parametrize(("token", "typed"), [("f" * 40, ""), ("-", ""), ("-", "\n")])
async def test_a_token_that_is_none_is_not_kept(anonymous: Deis, token: str, typed: str) -> None:
    told = await anonymous("login", anonymous.controller, "--token", token, typed=typed, status=1)
    assert "no token came on standard input" in told.err or "is not valid there, and was not kept: " in told.err
    assert not anonymous.profile.exists()


async def test_a_token_in_the_environment_needs_no_file_and_goes_before_one(anonymous: Deis) -> None:
    anonymous.environment.update(DEIS_TOKEN=TOKEN, DEIS_CONTROLLER=anonymous.controller)
    assert (await anonymous("whoami")).out == f"You are ada at {anonymous.controller}\n"
    assert (await anonymous("tokens")).out.startswith("=== ada Tokens\n")
    assert not anonymous.profile.exists()
    anonymous.log_in(username="bob", token="0" * 40)
    assert (await anonymous("whoami")).out.startswith("You are ada at ")
    told = await anonymous("auth:regenerate", status=1)
    assert "DEIS_TOKEN is set" in told.err
    await anonymous("tokens:revoke", "1f")
    assert json.loads(anonymous.profile.read_text())["username"] == "bob"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DEIS_TOKEN": TOKEN}, "DEIS_TOKEN is set without DEIS_CONTROLLER"),
        ({"DEIS_TOKEN": "f" * 40, "DEIS_CONTROLLER": "<url>"}, "(The login is DEIS_TOKEN, for http://"),
        ({"DEIS_TOKEN": TOKEN, "DEIS_CONTROLLER": "<url>", "DEIS_SSL_VERIFY": "so"}, '"DEIS_SSL_VERIFY=so" is neither'),
    ],
)
async def test_a_token_in_the_environment_that_is_of_no_use_is_told(
    anonymous: Deis, given: dict[str, str], words: str
) -> None:
    anonymous.environment.update({name: text.replace("<url>", anonymous.controller) for name, text in given.items()})
    assert words in (await anonymous("apps", status=1)).err


async def test_the_last_administrator_is_told_the_remedy_that_fits(deis: Deis, stand_in: StandIn) -> None:
    words = "ada is the last administrator. Make another user one before: deis perms:create <user> --admin"
    refused = says(409, {"detail": words}, reason="CONFLICT", headers=VERSIONS)
    stand_in.answers["DELETE /v1/auth/cancel/"] = refused
    told = await deis("auth:cancel", "--username", "ada", "--password", "secret", "--yes", status=1)
    assert told.err == f"Error: Account not changed: {words} (409 CONFLICT)\n"


async def test_without_a_terminal_a_key_file_that_was_not_given_is_called_so(deis: Deis) -> None:
    told = await deis("keys:add", status=1)
    assert told.err == "Error: no key file given: use a file: deis keys:add ~/.ssh/id_ed25519.pub\n"


async def test_there_is_no_release_before_the_first(deis: Deis, stand_in: StandIn) -> None:
    told = await deis("rollback", "v0", "-a", "paper", status=1)
    assert told.err == "Error: there is no release v0: the first is v1, see `deis releases -a paper`\n"
    assert stand_in.writes() == []
