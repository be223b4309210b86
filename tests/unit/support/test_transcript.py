"""A transcript reads as it was typed, and hides only what is another each time."""

from __future__ import annotations

from tests.support.person import Answer, Told
from tests.support.stage import played
from tests.support.transcript import Step, documents, filled, on_a_terminal, piped, steps_of

WRITTEN = """Of two people.

ann$ deis passwd --new-password 'two words'
> current password: <- secret
Password change failed
2> Error: no
exit 1

eve~ deis logs

"""


def test_a_transcript_is_what_was_typed_answered_and_printed() -> None:
    first, second = steps_of(WRITTEN)
    assert (first.who, first.sign, first.words) == ("ann", "$", ["passwd", "--new-password", "two words"])
    assert first.answers == (Answer("current password:", "secret"),)
    assert first.printed == piped(Told("Password change failed\n", "Error: no\n", 1), {})
    assert (second.who, second.sign, second.name, second.printed) == ("eve", "~", "logs", "\n")


def test_what_is_another_each_time_has_a_name_and_everything_else_is_held() -> None:
    names = {"http://deis.localhost:4711": "<url>"}
    told = Told(f"at http://deis.localhost:4711 2026-01-02T03:04:05UTC {'a1' * 20} v2, 10s \ndone in 12s\n")
    assert piped(told, names) == "at <url> <date> <token> v2, 10s \ndone in <n>s\n"
    assert filled("<url>/v1", names) == "http://deis.localhost:4711/v1"


def test_a_terminal_is_read_in_the_end_with_its_colours() -> None:
    shown = (
        "Creating... ⠋\x1b[K\rCreating... ⠙ 2s\x1b[K\rCreating... \x1b[31mfailed\x1b[0m\x1b[2m (2s)\x1b[0m\x1b[K\r\n"
    )
    assert on_a_terminal(Told(shown, status=1), {}) == "Creating... <red>failed</>\nexit 1\n"


def test_documents_are_told_by_the_names_in_them() -> None:
    assert documents(Told('{"a": 1, "b": []}\n{"c": 2}\n'), {}) == "{a, b}\n{c}\n"
    assert documents(Told('[{"a": 1}, {"a": 2}, {"b": 3}]\n'), {}) == "[2 x {a}, 1 x {b}]\n"
    assert documents(Told("{}\n", status=3), {}) == "{}\nexit 3\n"


async def test_what_goes_on_beside_the_next_is_heard_behind_it() -> None:
    steps = [Step("ann", sign, line, (), f"{line}\n") for sign, line in (("&", "pull"), ("~", "cancel"), ("$", "apps"))]
    asked: list[str] = []
    heard: list[str] = []

    async def run(step: Step) -> str:
        asked.append(step.line)
        return "too early\n" if asked.count(step.line) < 2 and step.sign == "~" else step.printed

    await played(steps, run, lambda step, printed: heard.append(f"{step.line}: {printed}"))
    assert heard == ["cancel: cancel\n", "pull: pull\n", "apps: apps\n"]
    assert sorted(asked) == ["apps", "cancel", "cancel", "pull"]
