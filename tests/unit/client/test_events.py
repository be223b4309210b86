"""Who did something, as `deis events` shows it."""

from __future__ import annotations

from libs.client.api.events import Event


def test_who_says_by_which_named_token_too() -> None:
    told = {"by": "bob", "token": {"id": "0a1b", "name": "ci2"}}
    assert Event.model_validate(told).who == "bob (token ci2)"


def test_of_a_login_and_of_an_older_controller_it_is_the_user_alone() -> None:
    assert Event.model_validate({"by": "bob", "token": None}).who == "bob"
    assert Event.model_validate({"by": "bob"}).who == "bob"
