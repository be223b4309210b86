"""Completion as real shells ask for it, and what is offered."""

from __future__ import annotations

import asyncio
import contextlib
import io

import pytest
from aiohttp import web

from libs.client import suggestions
from libs.client.command import complete
from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.shells import on_path, output, script, typed_into
from tests.contract.client.stand_in import StandIn
from tests.contract.client.whole_world import furnish


@pytest.fixture
def shell(deis: Deis) -> Deis:
    """A home in which `deis` is on the PATH."""
    return on_path(deis)


async def completed(shell: Deis, *words: str) -> list[str]:
    """What bash would offer for the last of the words, split as bash splits them."""
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"{await script(shell, 'bash')}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n"
        '_deis_completion deis\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    return (await output(shell, "bash", "--norc", "-c", code)).split()


async def test_commands_are_offered_from_their_beginning(shell: Deis) -> None:
    assert set(await completed(shell, "deis", "apps:c")) == {"apps:create"}
    assert {"releases", "releases:list", "releases:rollback", "releases:info"} <= set(
        await completed(shell, "deis", "rel")
    )


async def test_behind_a_colon_only_the_rest_is_offered(shell: Deis) -> None:
    assert set(await completed(shell, "deis", "config", ":")) == {"list", "set", "unset", "pull", "push"}
    assert set(await completed(shell, "deis", "config", ":", "pu")) == {"pull", "push"}


async def test_options_are_offered_for_commands_with_and_without_a_colon(shell: Deis) -> None:
    assert "--no-remote" in await completed(shell, "deis", "apps", ":", "create", "--no")
    assert "--no-remote" in await completed(shell, "deis", "create", "--no")


async def test_app_names_are_offered(shell: Deis, stand_in: StandIn) -> None:
    for name in ("paper", "papyrus", "ink"):
        stand_in.app(name)
    assert set(await completed(shell, "deis", "ps", ":", "scale", "-a", "pap")) == {"paper", "papyrus"}


async def test_without_a_controller_no_app_is_offered_and_nothing_breaks(shell: Deis) -> None:
    shell.log_in(controller="http://deis.example.invalid")
    assert await completed(shell, "deis", "ps", "-a", "pap") == []


async def offered(deis: Deis, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is offered behind a line, as fish asks for it, without a shell."""
    asked = {"_DEIS_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for name, value in {**deis.whole_environment(), **asked, "_TYPER_COMPLETE_ARGS": line}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(deis.directory)
    out = io.StringIO()

    def completing() -> None:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            complete()

    async with asyncio.timeout(SECONDS):
        await asyncio.to_thread(completing)
    return [word.partition("\t")[0] for word in out.getvalue().splitlines() if word]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("deis plat", ["platform", "platform:list", "platform:set", "platform:unset"]),
        ("deis sharing:", ["sharing:add", "sharing:list", "sharing:remove"]),
        ("deis auth:re", ["auth:regenerate", "auth:register"]),
        ("deis certs:add a b --s", ["--subject-alt-names"]),
        ("deis ps:list --app pa", ["paper"]),
        ("deis ps:scale ", ["cmd=1", "web=2"]),
        ("deis scale -a paper w", ["web=2"]),
        ("deis restart web", ["web", "web.1", "web.2"]),
        ("deis limits:unset ", ["cmd", "web"]),
        ("deis healthchecks:list --type ", ["cmd", "web"]),
        ("deis releases:info ", ["v1", "v2"]),
        ("deis rollback v", ["v1", "v2"]),
        ("deis config:unset L", ["LEVEL"]),
        ("deis tags:unset ", ["disk"]),
        ("deis domains:remove ", ["www.example.com"]),
        ("deis drains:remove ", ["d1", "d2"]),
        ("deis drains:info --platform ", ["d1"]),
        ("deis drains:add sys", ["syslog+tls://", "syslog://"]),
        ("deis drains:add x --select le", ["level="]),
        ("deis logs --ps w", ["web", "web.1", "web.2"]),
        ("deis logs --release ", ["v1", "v2"]),
        ("deis logs --stream std", ["stderr", "stdout"]),
        ("deis logs --level w", ["warning"]),
        ("deis certs:remove ", ["www.example.com"]),
        ("deis keys:remove ", ["ada@desk"]),
        ("deis tokens:revoke ", ["1f", "2e", "ci"]),
        ("deis perms:create ", ["ada", "bob", "eve"]),
        ("deis perms:delete ", ["bob"]),
        ("deis sharing:remove --admin ", ["ada", "eve"]),
        ("deis platform:set ", ["registration=admin_only", "registration=disabled", "registration=enabled"]),
        ("deis platform:unset ", ["registration"]),
        ("deis healthchecks:set re", ["readiness"]),
        ("deis healthchecks:set readiness ht", ["httpGet"]),
        ("deis settings:unset drain", ["drain", "drain-websocket"]),
        ("deis releases:c", ["releases:cancel"]),
        ("deis ps:scale -a nowhere ", []),
        ("deis whoami ", []),
    ],
)
async def test_what_the_controller_knows_is_offered(
    deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]
) -> None:
    furnish(deis, stand_in)
    assert sorted(await offered(deis, line, monkeypatch)) == words


async def test_a_controller_that_hangs_offers_nothing_and_holds_nobody(
    deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(deis, stand_in)
    over = asyncio.Event()

    async def hanging(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    stand_in.answers["GET /v1/apps/paper"] = hanging
    monkeypatch.setattr(suggestions, "SECONDS", 0.1)
    assert await offered(deis, "deis ps:scale ", monkeypatch) == []
    over.set()


@pytest.mark.parametrize("broken", ["{", '{"username": 1}', ""])
async def test_without_a_login_that_can_be_used_nothing_is_offered(
    deis: Deis, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    deis.profile.write_text(broken)
    assert await offered(deis, "deis ps:list --app ", monkeypatch) == []


FISH = "source {script}; complete -C '{line}'"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("deis apps:c", ["apps:create"]),
        ("deis config:pu", ["config:pull", "config:push"]),
        ("deis create --no", ["--no-remote"]),
        ("deis keys:remove ada@", ["ada@desk"]),
        ("deis scale we", ["web=2"]),
        ("deis ps:list --app=pa", ["--app=paper"]),
    ],
)
async def test_fish_is_offered_what_fits(shell: Deis, stand_in: StandIn, line: str, words: list[str]) -> None:
    furnish(shell, stand_in)
    path = shell.home / "deis.fish"
    path.write_text(await script(shell, "fish"))
    told = await output(shell, "fish", "--no-config", "-c", FISH.format(script=path, line=line))
    assert [word.partition("\t")[0] for word in told.splitlines()] == words


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("deis config:uns\t", "config:unset "),
        ("deis create --no-r\t", "--no-remote "),
        ("deis keys:remove ada@\t", "desk"),
        ("deis scale we\t", "web=2 "),
        ("deis ps:list --app=pa\t", "--app=paper "),
    ],
)
@pytest.mark.parametrize("name", ["bash", "zsh"])
async def test_a_tab_in_an_interactive_shell_completes(
    shell: Deis, stand_in: StandIn, name: str, typed: str, shown: str
) -> None:
    furnish(shell, stand_in)
    told = await typed_into(shell, await interactive(shell, name), "echo re''ady\n", "ready\r\n", typed, shown)
    assert "config:config:" not in told


async def interactive(shell: Deis, name: str) -> list[str]:
    """A shell that knows the completion and reads nobody's own settings."""
    code = await script(shell, name)
    if name == "zsh":
        (shell.home / ".zshrc").write_text(f"PROMPT='$ '\nautoload -Uz compinit\ncompinit -u -D\n{code}")
        shell.environment["ZDOTDIR"] = str(shell.home)
        return ["zsh", "-d", "-i"]
    (shell.home / "rc").write_text(f"PS1='$ '\nbind 'set enable-bracketed-paste off'\n{code}\n")
    return ["bash", "--rcfile", str(shell.home / "rc"), "-i"]


@pytest.mark.parametrize(
    ("name", "mark", "place"),
    [
        ("bash", "_DEIS_COMPLETE=complete_bash", ".bash_completions/deis.sh"),
        ("zsh", "_DEIS_COMPLETE=complete_zsh", ".zfunc/_deis"),
        ("fish", "_DEIS_COMPLETE=complete_fish", ".config/fish/completions/deis.fish"),
    ],
)
async def test_the_completion_script_is_shown_and_installed(shell: Deis, name: str, mark: str, place: str) -> None:
    # the command finds out which shell it is called from: one that stays above it
    end = "exit $status" if name == "fish" else "exit $?"
    quiet = {"bash": "--norc", "zsh": "--no-rcs", "fish": "--no-config"}[name]
    assert mark in await output(shell, name, quiet, "-c", f"deis --show-completion; {end}")
    await output(shell, name, quiet, "-c", f"deis --install-completion; {end}")
    assert mark in (shell.home / place).read_text()


@pytest.mark.parametrize("words", ["--install-completion zsh", "--install-completion=zsh"])
async def test_a_shell_that_is_named_gets_its_own_script(shell: Deis, words: str) -> None:
    await output(shell, "bash", "--norc", "-c", f"deis {words}; exit $?")
    assert "_DEIS_COMPLETE=complete_zsh" in (shell.home / ".zfunc" / "_deis").read_text()
    assert not (shell.home / ".bash_completions").exists()
    shown = await output(shell, "bash", "--norc", "-c", "deis --show-completion fish; exit $?")
    assert "_DEIS_COMPLETE=complete_fish" in shown


async def test_a_shell_that_is_none_is_refused(deis: Deis) -> None:
    told = await deis("--install-completion", "nosuch", status=1)
    assert told.err == 'Error: "nosuch" is no shell that can be completed in: bash, zsh, fish are.\n'


async def test_an_installed_script_is_found_by_a_bash_that_starts(shell: Deis) -> None:
    await output(shell, "bash", "--norc", "-c", "deis --install-completion; exit $?")
    assert str(shell.home / ".bash_completions" / "deis.sh") in (shell.home / ".bashrc").read_text()
