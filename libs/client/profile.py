"""A login as it is kept on disk: `~/.deis/<profile>.json`, the file that `deis` 1.x writes and reads too."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libs.client.api.controller import controller_url
from libs.client.errors import BadArgument, BadProfile, NotLoggedIn
from libs.client.files import home_of

DEFAULT_LIMIT = 100
ANSWERS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
NAMES = ("username", "ssl_verify", "controller", "token", "response_limit")


@dataclass(frozen=True)
class Profile:
    """Who one is, and where. `limit` is how many objects a listing asks for; `rest` is what others keep in the file.

    `username` is empty where only the token is known, as from DEIS_TOKEN.
    """

    username: str
    controller: str
    token: str
    ssl_verify: bool = True
    limit: int = DEFAULT_LIMIT
    rest: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The file's text, in the field order of `deis` 1.x."""
        known = {
            "username": self.username,
            "ssl_verify": self.ssl_verify,
            "controller": self.controller,
            "token": self.token,
            "response_limit": self.limit,
        }
        return json.dumps({**known, **self.rest})


def profile_path(environment: Mapping[str, str]) -> Path:
    """The file of the profile that DEIS_PROFILE names, `client` by default."""
    return home_of(environment) / ".deis" / f"{environment.get('DEIS_PROFILE') or 'client'}.json"


def parse_verify(text: str, option: str = "--ssl-verify") -> bool:
    """`true` or `false`; `BadArgument` otherwise."""
    answer = ANSWERS.get(text.lower())
    if answer is None:
        raise BadArgument(f'"{option}={text}" is neither true nor false')
    return answer


def given_profile(environment: Mapping[str, str]) -> Profile | None:
    """The login that DEIS_CONTROLLER and DEIS_TOKEN stand for, before any file; None where there is no token.

    Errors: `BadArgument`, `InvalidController`.
    """
    token, controller = environment.get("DEIS_TOKEN", "").strip(), environment.get("DEIS_CONTROLLER", "")
    if not token:
        return None
    if not controller:
        raise BadArgument("DEIS_TOKEN is set without DEIS_CONTROLLER, the URL of the controller that it is for")
    verify = parse_verify(environment.get("DEIS_SSL_VERIFY") or "true", "DEIS_SSL_VERIFY")
    return Profile("", controller_url(controller), token, verify)


def parse_profile(text: str, path: Path) -> Profile:
    """A profile from its file's text; `BadProfile` if something is wrong with it."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise BadProfile(path, f"it is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise BadProfile(path, "it holds no JSON object")
    for name in ("username", "controller", "token"):
        if not isinstance(content.get(name), str) or not content[name]:
            raise BadProfile(path, f'it has no "{name}"')
    limit = content.get("response_limit")
    return Profile(
        username=content["username"],
        controller=content["controller"],
        token=content["token"],
        ssl_verify=bool(content.get("ssl_verify", True)),
        limit=limit if isinstance(limit, int) and limit > 0 else DEFAULT_LIMIT,
        rest={name: value for name, value in content.items() if name not in NAMES},
    )


class Profiles:
    """The one profile that is in use, read and written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Profile:
        """The present login. Errors: `NotLoggedIn`, `BadProfile`."""
        profile = self.find()
        if profile is None:
            raise NotLoggedIn(self.path)
        return profile

    def find(self) -> Profile | None:
        """The present login, if there is one; `BadProfile` if its file cannot be used."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BadProfile(self.path, str(getattr(error, "strerror", None) or error)) from error
        return parse_profile(text, self.path)

    def save(self, profile: Profile) -> None:
        """Keep the login, readable by its owner alone; the file is replaced as a whole or not at all."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")  # made with 0600
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(profile.to_json())
                Path(temporary).replace(self.path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BadProfile(self.path, f"it cannot be written ({error.strerror})") from error

    def forget(self) -> None:
        """Log out on this machine; it is fine if there was no login."""
        self.path.unlink(missing_ok=True)
