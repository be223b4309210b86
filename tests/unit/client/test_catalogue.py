from __future__ import annotations

import inspect
import io
from pathlib import Path

import pytest

from libs.client import guide
from libs.client.catalogue import GROUPS, SHORTCUTS, Group, commands_in, group_of
from libs.client.command import unknown
from libs.client.plugins import plugin_for
from libs.client.screen import Screen


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: group.name)
def test_every_command_says_what_it_does(group: Group) -> None:
    for name, function in group.commands().items():
        assert guide.summary(function), name


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: group.name)
def test_every_listing_has_a_json_form(group: Group) -> None:
    for name, function in group.commands().items():
        if name.partition(":")[2] in {"list", "info", "events", "whoami"}:
            assert "json" in inspect.signature(function).parameters, name


def test_every_shortcut_stands_for_a_command() -> None:
    for short, full in SHORTCUTS.items():
        group = group_of(short)
        assert group is not None
        assert commands_in(group)[short] is group.commands()[full]


def test_a_bare_group_is_its_listing() -> None:
    names = commands_in(GROUPS["ps"])
    assert names["ps"] is names["ps:list"]
    assert "auth" not in commands_in(GROUPS["auth"])


def test_the_guide_names_every_group_and_shortcut() -> None:
    out = io.StringIO()
    guide.show_guide(Screen(out, out, {}))
    words = out.getvalue().split()
    assert {*GROUPS, *SHORTCUTS} <= set(words)


def test_a_groups_guide_names_its_commands() -> None:
    out = io.StringIO()
    guide.show_group(Screen(out, out, {}), GROUPS["apps"])
    assert set(GROUPS["apps"].commands()) <= set(out.getvalue().split())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("appscreate", "apps:create"), ("sclae", "scale"), ("apps:lst", "apps:list"), ("cofnig", "config")],
)
def test_a_typing_error_is_answered_with_what_may_be_meant(typed: str, meant: str) -> None:
    assert f"`deis {meant}`" in unknown(typed)


def test_a_plugin_is_an_executable_on_the_path(tmp_path: Path) -> None:
    plugin = tmp_path / "deis-foo"
    plugin.write_text("#!/bin/sh\n")
    environment = {"PATH": str(tmp_path)}
    assert plugin_for("foo", environment) is None
    plugin.chmod(0o755)
    assert plugin_for("foo", environment) == (str(plugin), [])
    assert plugin_for("foo:bar", environment) == (str(plugin), ["bar"])
    assert plugin_for("../foo", environment) is None
    assert plugin_for("-foo", environment) is None
