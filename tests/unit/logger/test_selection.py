"""What may be asked for, what is refused with a word, and which lines of a block pass."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import Kind, encode
from libs.loglines.level import Level, level_of, named_levels
from libs.loglines.line import LAST
from libs.loglines.pattern import LONGEST, BadPattern, Pattern
from libs.loglines.selection import PARAMETERS, BadSelection, Passed, Selection, parse

NOW = datetime(2020, 1, 1, tzinfo=UTC)
SECONDS = 1_577_836_800
BILLION = 10**9


@pytest.mark.parametrize(
    ("parameters", "selection"),
    [
        ({}, Selection()),
        (dict.fromkeys(PARAMETERS, ""), Selection()),
        ({"unknown": "x"}, Selection()),
        ({"process": "web", "instance": "i", "release": "v3"}, Selection(process="web", instance="i", release=3)),
        ({"release": "3"}, Selection(release=3)),
        ({"stream": "stderr", "level": "error"}, Selection(stream="stderr", level="error")),
        ({"grep": "time(out|r)"}, Selection(grep="time(out|r)")),
        ({"since": "10m", "until": "30s"}, Selection(since=(SECONDS - 600) * BILLION, until=(SECONDS - 30) * BILLION)),
        ({"since": "999999999d"}, Selection()),
        ({"since": "2020-01-01T00:00:01Z"}, Selection(since=(SECONDS + 1) * BILLION)),
        ({"since": "2020-01-01T00:00:01.5"}, Selection(since=(SECONDS + 1) * BILLION + 5 * 10**8)),
        ({"until": "2020-01-01T02:00:00+02:00"}, Selection(until=SECONDS * BILLION)),
        ({"until": "9999-12-31T23:59:59Z"}, Selection(until=LAST)),
    ],
)
def test_parameters_make_a_selection(parameters: dict[str, str], selection: Selection) -> None:
    assert parse(parameters, now=NOW) == selection


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("release", "latest", "a release as v3 or 3"),
        ("since", "yesterday", "an age as 10m or a time as 2015-01-31T23:59:59Z"),
        ("until", "10", "an age as 10m or a time"),
        ("stream", "out", "stdout, stderr or platform"),
        ("level", "loud", "debug, info, warning or error"),
        ("grep", "(", "a pattern of RE2 .missing .: .."),
        ("process", "p" * 129, "a name of at most 128 characters"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_what_would_be_right(name: str, value: str, right: str) -> None:
    with pytest.raises(BadSelection, match=rf"^{name} is '.*'; it must be {right}"):
        parse({name: value}, now=NOW)


def test_times_that_no_line_can_have_are_told_from_those_that_none_has() -> None:
    assert parse({"since": "2m", "until": "2m"}, now=NOW).timed
    for since, until in (("1m", "2m"), ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")):
        with pytest.raises(BadSelection, match=f"since is '{since}', which is later than until, '{until}'; exchange"):
            parse({"since": since, "until": until}, now=NOW)


def test_a_filter_that_there_is_not_is_an_error_only_where_that_is_asked_for() -> None:
    with pytest.raises(BadSelection, match="'colour' is no filter; there are process, instance"):
        parse({"colour": "red"}, now=NOW, strict=True)


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=30)))
def test_whatever_is_asked_is_a_selection_or_a_bad_one(parameters: dict[str, str]) -> None:
    try:
        selection = parse(parameters, now=NOW)
    except BadSelection:
        assert parameters
    else:
        assert selection.passing(b"", 0).lines == 0


def test_equal_selections_are_one() -> None:
    one, two = (parse({"grep": "x", "process": "web"}, now=NOW) for _ in range(2))
    assert len({one, two}) == 1


def test_a_selection_compiles_its_pattern_once_however_many_others_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    used = [Selection(grep=f"number {n}$") for n in range(300)]
    compiled = list[str]()
    monkeypatch.setattr(Pattern, "__init__", lambda _, text: compiled.append(text))
    line = encode(1, Kind.OUT, b"number 7")
    assert [n for n, selection in enumerate(used) if selection.passing(line, 1).lines] == [7]
    assert compiled == []


TEXT = st.text(alphabet="ab \t\\^$é\0", max_size=12).map(str.encode) | st.binary(max_size=8).map(
    lambda data: data.replace(b"\n", b"")
)
PATTERNS = st.sampled_from(
    [
        *("a", "^a", "a$", "^$", "", "[^a]$", r"\s", r"^\s*b", r"\Aa", r"b\z", "(?s).b", "(?-m)^b", r"\Ca$", "(a*)*$"),
        *(r"a\n?b", "(?i)A", "é", "a|^b$", r"\bb", ".", "[^b]+$", r"\D\W", r"\x00", "a\nb", r"\Q^\E"),
    ]
)


@given(PATTERNS, st.lists(TEXT, max_size=20))
def test_a_pattern_finds_in_many_lines_what_it_finds_in_each(pattern: str, texts: list[bytes]) -> None:
    options = re2.Options()
    options.never_nl = True
    alone = re2.compile(pattern.encode(), options)
    assert Pattern(pattern).lines(texts) == [n for n, text in enumerate(texts) if alone.search(text) is not None]


@pytest.mark.parametrize("text", ["(", "a**+", "x" * (LONGEST + 1), "(x{500}){2}y{1000}", r"\1", "(?=a)"])
def test_what_is_no_pattern_or_too_large_a_one_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(text)


def test_filters_choose_lines_and_say_where_the_first_was() -> None:
    stored = [
        encode(1, Kind.OUT, b"one"),
        encode(2, Kind.ERR, b"two ERROR"),
        encode(3, Kind.PLATFORM, b"three"),
        encode(4, Kind.OUT_CUT, b"four"),
        encode(5, Kind.GAP, b"lost"),
    ]
    block = b"".join(stored)

    def passed(**filters: str | int) -> list[int]:
        taken = Selection(**filters).passing(block, 5)  # type: ignore[arg-type]
        numbers = [n for n, line in enumerate(stored, 1) if line in taken.block]
        assert taken.lines == len(numbers)
        assert not numbers or numbers[0] == taken.first + 1
        return numbers

    assert passed() == [1, 2, 3, 4, 5]
    assert passed(stream="stdout") == [1, 4, 5]
    assert passed(stream="stderr") == [2, 5]
    assert passed(stream="platform") == [3, 5]
    assert passed(since=2, until=4) == [2, 3, 4]
    assert passed(grep="o") == [1, 2, 4, 5]
    assert passed(grep="^t") == [2, 3, 5]
    assert passed(level="warning") == [2, 5]
    assert passed(level="info", grep="^o$") == [5]
    assert passed(until=1, grep="two") == []
    assert Selection(grep=".").passing(block, 5) == Passed(block, 5)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (b'{"time":"x","level":"warn","msg":"ERROR"}', Level.WARNING),
        (b'{"level":50,"msg":"pino"}', Level.ERROR),
        (b'{"severity": 7}', Level.DEBUG),
        (b"ts=1 level=debug msg=error", Level.DEBUG),
        (b'time="2020" lvl="error"', Level.ERROR),
        (b"2020-01-01 12:00:00,123 ERROR [main] x", Level.ERROR),
        (b"[2020-01-01] [warn] x", Level.WARNING),
        (b"INFO:root:started", Level.INFO),
        (b"error: cannot open", Level.ERROR),
        (b"<Notice> x", Level.INFO),
        (b"2020/01/01 [crit] 12#0: x", Level.ERROR),
        (b"GET /error?x=level 200", Level.INFO),
        (b"no errors found", Level.INFO),
        (b"terror: x", Level.INFO),
        (b"mylevel=error", Level.INFO),
        (b"x" * 600 + b" ERROR", Level.INFO),
        (b"", Level.INFO),
    ],
)
def test_a_line_says_its_level_as_programs_do(text: bytes, level: Level) -> None:
    assert level_of(b"o", text) is level


def test_a_line_that_says_no_level_has_that_of_its_stream() -> None:
    assert [level_of(kind, b"Traceback") for kind in (b"o", b"e", b"E", b"p")] == [
        Level.INFO,
        Level.ERROR,
        Level.ERROR,
        Level.INFO,
    ]


@given(st.binary(max_size=700))
def test_any_bytes_have_a_level(text: bytes) -> None:
    assert level_of(b"o", text) in Level


_WORDS = b"error ERROR Warn level lvl= level= [err] info: <DEBUG>".split()
_ODD = b'"severity": | : |50|\xff|\xc3\xa4|x|7| |"|[|]|<|>|:|=|.|-|\0|\t|\v'.split(b"|")
_PIECES = st.sampled_from([*_WORDS, *_ODD, b"y" * 90, b"z" * 480])


@given(st.lists(st.lists(_PIECES, max_size=12).map(b"".join), max_size=8))
def test_many_lines_name_the_levels_that_each_of_them_names(texts: list[bytes]) -> None:
    named = {}
    for index, text in enumerate(texts):
        of_both = [level_of(kind, text) for kind in (b"o", b"e")]
        if of_both[0] == of_both[1]:
            named[index] = of_both[0]
    assert named_levels(texts) == named
