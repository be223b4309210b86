from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.controls import COLOUR, spelt_out, with_colours
from libs.client.logs import coloured
from libs.client.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on(out: io.StringIO, environment: Mapping[str, str] | None = None, *, seconds: float = 0.0) -> Screen:
    """A screen for which each progress takes so many seconds."""
    times = iter((0.0, seconds))
    return Screen(out, out, environment or {}, clock=lambda: next(times, seconds))


def test_a_pipe_gets_plain_text_alone() -> None:
    out = io.StringIO()
    screen = on(out)
    screen.heading("x Releases", note=" (1 of 2)")
    screen.subheading("web:")
    screen.pairs({"A": "1", "LONG": "2"})
    screen.rows(("release", "when"), [("v1", "now")])
    screen.facts({"id": "x", "created": "now"})
    screen.error("bad\nworse")
    with screen.progress("Creating build...") as ending:
        ending.text = "done, v2"
    assert out.getvalue() == (
        "=== x Releases (1 of 2)\n--- web:\nA         1\nLONG      2\nv1\tnow\nid:       x\ncreated:  now\n"
        "Error: bad\nworse\nCreating build... done, v2\n"
    )


def test_a_terminal_gets_colours_and_tables() -> None:
    out = Terminal()
    screen = on(out)
    screen.heading("x Releases")
    screen.rows(("release", "summary"), [("v1", "[bold]not markup[/bold]")])
    screen.error("bad")
    text = out.getvalue()
    assert "\x1b[1m=== x Releases\x1b[0m" in text
    assert "release" in text
    assert "[bold]not markup[/bold]" in text
    assert "\x1b[31mError: bad\x1b[0m" in text


def test_no_color_keeps_the_table_and_drops_the_colours() -> None:
    out = Terminal()
    screen = on(out, {"NO_COLOR": "1"})
    screen.heading("x")
    screen.rows(("release",), [("v1",)])
    screen.error("bad")
    assert "release" in out.getvalue()
    assert "\x1b[3" not in out.getvalue()
    assert "\x1b[1m===" not in out.getvalue()


def test_a_dumb_terminal_is_a_pipe() -> None:
    out = Terminal()
    assert not on(out, {"TERM": "dumb"}).lively
    on(out, {"TERM": "dumb"}).error("x")
    assert out.getvalue() == "Error: x\n"


def test_failing_work_ends_its_line() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="x"), on(out).progress("Creating build..."):
        raise ValueError("x")
    assert out.getvalue() == "Creating build... failed\n"


def test_an_ending_may_ask_for_the_time_it_took() -> None:
    out = io.StringIO()
    with on(out, seconds=12.3).progress("") as ending:
        ending.text = "done in {seconds}s"
    assert out.getvalue() == "done in 12s\n"


def test_a_progress_line_on_a_terminal_ends_with_what_was_done() -> None:
    out = Terminal()
    with on(out, {"NO_COLOR": "1"}).progress("Creating build...") as ending:
        ending.text = "done, v2"
    assert out.getvalue().endswith("\rCreating build... done, v2\x1b[K\n")


def test_slow_work_tells_on_a_terminal_how_long_it_took() -> None:
    for out, wanted in ((Terminal(), "done (12s)\x1b[K\n"), (io.StringIO(), "build... done\n")):
        with on(out, {"NO_COLOR": "1"}, seconds=12.0).progress("Creating build..."):
            pass
        assert out.getvalue().endswith(wanted)


def test_further_lines_of_a_value_stand_below_its_first() -> None:
    out = io.StringIO()
    on(out).pairs({"KEY": "a\nb"})
    assert out.getvalue() == "KEY      a\n         b\n"


def test_json_is_json() -> None:
    out = io.StringIO()
    on(out).json([{"a": "é"}])
    assert json.loads(out.getvalue()) == [{"a": "é"}]


def test_log_lines_are_coloured_by_process_on_terminals_alone() -> None:
    line = "2026-01-01T00:00:00UTC paper[web.1]: GET / 200"
    assert coloured(line, on(io.StringIO())) == line
    shown = coloured(line, on(Terminal()))
    assert shown.startswith("\x1b[")
    assert shown.endswith("\x1b[0m GET / 200")
    assert coloured("no source", on(Terminal())) == "no source"


def test_control_characters_are_shown_on_terminals_and_pass_through_a_pipe() -> None:
    value = "\x1b[31mred\x07\x9b2J"
    for out, wanted in ((Terminal(), "\\x1b[31mred\\x07\\x9b2J"), (io.StringIO(), value)):
        screen = on(out, {"NO_COLOR": "1"})
        screen.pairs({"T": value})
        screen.facts({"t": value})
        screen.rows(("t",), [(value,)])
        assert out.getvalue().count(wanted) == 3
    dumb = Terminal()
    on(dumb, {"TERM": "dumb"}).pairs({"T": value})
    assert "\x1b" not in dumb.getvalue()


def test_a_line_on_a_terminal_keeps_an_apps_colours_and_no_other_sequence() -> None:
    text = "\x1b[1;32mGET\x1b[0m \x1b]0;title\x07\x1b[2J200\tok\r"
    out = Terminal()
    on(out).line(text)
    assert out.getvalue() == "\x1b[1;32mGET\x1b[0m \\x1b]0;title\\x07\\x1b[2J200\tok\r\n"
    piped = io.StringIO()
    on(piped).line(text)
    assert piped.getvalue() == text + "\n"


def test_a_colour_that_an_app_leaves_on_ends_with_its_line() -> None:
    out = Terminal()
    on(out).line("\x1b[31mred")
    assert out.getvalue() == "\x1b[31mred\x1b[0m\n"


def test_what_is_complained_of_cannot_move_the_cursor() -> None:
    out = Terminal()
    on(out, {"NO_COLOR": "1"}).error("bad\nits \x1b[2Jlast line")
    assert out.getvalue() == "Error: bad\nits \\x1b[2Jlast line\n"


def test_json_has_no_raw_control_character_and_means_the_same() -> None:
    for out in (Terminal(), io.StringIO()):
        on(out).json({"T": "\x1b\x9b\x7f é"})
        assert "\x9b" not in out.getvalue()
        assert json.loads(out.getvalue()) == {"T": "\x1b\x9b\x7f é"}


def test_a_carriage_return_hides_nothing_not_even_before_a_colour() -> None:
    assert with_colours("evil\r\x1b[32mgood\r\n") == "evil\\x0d\x1b[32mgood\r\n\x1b[0m"


@given(st.text(st.sampled_from("a\x1b[0;31m\r\n\t\x9b\x00\x7f")))
def test_no_control_character_but_tabs_and_line_ends_survives(text: str) -> None:
    shown = spelt_out(text)
    assert not [one for one in shown if unicodedata.category(one) == "Cc" and one not in "\t\n\r"]
    assert re.sub(COLOUR, "", with_colours(text)).count("\x1b") == 0
